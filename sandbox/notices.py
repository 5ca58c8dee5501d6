"""The provider notifies its customer of every effect at least once, also after a restart.

Notices are sent in the order of their effects. A notice that cannot be delivered holds up only the
later ones of its payment. Its fault is drawn when it is written, so faults survive a restart too.
"""

import asyncio
import hmac
import time
from contextlib import suppress
from datetime import datetime
from secrets import token_hex
from sqlite3 import Connection

from aiohttp import ClientError, ClientSession, ClientTimeout

from sandbox import faults
from sandbox.messages import Notice, NoticeType, Payment

COPIES = {"duplicate": 2, "lost": 0}
DELIVERY = ClientTimeout(total=5.0)  # after this time the receiver counts as down
PAUSE_SECONDS, PAUSE_SECONDS_MAX = 0.05, 5.0
# The receiver refused it, so somebody probably has to repair something first.
UNWANTED_PAUSE_SECONDS, UNWANTED_PAUSE_SECONDS_MAX = 0.5, 60.0
DOUBLINGS_MAX = 10  # beyond both limits
SUCCESS, UNWANTED = range(200, 300), range(400, 500)

# :notice_id, :type, :payment_id, :created_at, :body, :fault, :copies_due, :due_at
WRITE = """
    INSERT INTO notices
        (notice_id, type, payment_id, created_at, body, fault, copies_due, due_at)
    VALUES
        (:notice_id, :type, :payment_id, :created_at, :body, :fault, :copies_due, :due_at)
"""
# :now. A late or reordered notice lets the later ones of its payment pass.
NEXT = """
    SELECT position, body, attempts FROM notices AS due
    WHERE copies_due > 0 AND due_at <= :now
      AND (fault IS NOT 'reorder' OR EXISTS (
          SELECT 1 FROM notices AS later
          WHERE later.position > due.position AND later.deliveries > 0))
      AND NOT EXISTS (
          SELECT 1 FROM notices AS earlier
          WHERE earlier.payment_id = due.payment_id AND earlier.position < due.position
            AND earlier.copies_due > 0
            AND (earlier.fault IS NULL OR earlier.fault = 'duplicate'))
    ORDER BY position LIMIT 1
"""
# :now
NEXT_DUE_AT = "SELECT min(due_at) FROM notices WHERE copies_due > 0 AND due_at > :now"
# :position
DELIVERED = """
    UPDATE notices
    SET attempts = attempts + 1, deliveries = deliveries + 1, copies_due = copies_due - 1
    WHERE position = :position
"""
# :position, :due_at
FAILED = "UPDATE notices SET attempts = attempts + 1, due_at = :due_at WHERE position = :position"
STATES = """
    SELECT notice_id, type, payment_id, created_at, fault, attempts, deliveries,
           CASE WHEN copies_due > 0 THEN 'waiting'
                WHEN deliveries > 0 THEN 'delivered'
                ELSE 'lost' END AS state
    FROM notices ORDER BY position
"""


def write(database: Connection, kind: NoticeType, payment: Payment, now: datetime) -> None:
    """Write the notice of an effect in the transaction of the effect."""
    fault = faults.take(database, "notice", payment.payment_id)
    notice = Notice(notice_id=f"notice-{token_hex(8)}", type=kind, created_at=now, payment=payment)
    columns = {
        "notice_id": notice.notice_id,
        "type": kind,
        "payment_id": payment.payment_id,
        "created_at": now.isoformat(),
        "body": notice.model_dump_json(),
        "fault": fault and fault.fault,
        "copies_due": COPIES.get(fault.fault, 1) if fault else 1,
        "due_at": now.timestamp() + (fault.seconds if fault else 0),
    }
    database.execute(WRITE, columns)


def states(database: Connection) -> list[dict[str, object]]:
    """Return how the delivery of each notice stands: waiting, delivered or lost."""
    return [dict(row) for row in database.execute(STATES)]


async def deliver(
    database: Connection, url: str | None, secret: str, written: asyncio.Event
) -> None:
    """Deliver notices until cancelled; `written` is set when there may be a new one."""
    if url is None:
        return
    async with ClientSession(timeout=DELIVERY) as session:
        while True:
            written.clear()
            row = database.execute(NEXT, {"now": time.time()}).fetchone()
            if row is None:
                await _wait(database, written)
                continue
            status = await _post(session, url, secret, row["body"].encode())
            _record(database, row["position"], row["attempts"], status)


def sign(secret: str, body: bytes, at_seconds: int) -> str:
    """Return the value of the header `Provider-Signature`."""
    mac = hmac.digest(secret.encode(), f"{at_seconds}.".encode() + body, "sha256")
    return f"t={at_seconds},v1={mac.hex()}"


def pause_seconds(attempts: int, status: int | None) -> float:
    """Return the pause after so many attempts; `status` is the last answer, if any."""
    factor = 2.0 ** min(attempts, DOUBLINGS_MAX)
    if status in UNWANTED:
        return min(UNWANTED_PAUSE_SECONDS * factor, UNWANTED_PAUSE_SECONDS_MAX)
    return min(PAUSE_SECONDS * factor, PAUSE_SECONDS_MAX)


async def _wait(database: Connection, written: asyncio.Event) -> None:
    now = time.time()
    (due_at,) = database.execute(NEXT_DUE_AT, {"now": now}).fetchone()
    with suppress(TimeoutError):  # then one is due
        async with asyncio.timeout(None if due_at is None else due_at - now):
            await written.wait()


async def _post(session: ClientSession, url: str, secret: str, body: bytes) -> int | None:
    headers = {
        "Content-Type": "application/json",
        "Provider-Signature": sign(secret, body, int(time.time())),
    }
    try:
        async with session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
            return answer.status
    except (ClientError, TimeoutError):
        return None


def _record(database: Connection, position: int, attempts: int, status: int | None) -> None:
    if status in SUCCESS:
        database.execute(DELIVERED, {"position": position})
    else:
        due_at = time.time() + pause_seconds(attempts, status)
        database.execute(FAILED, {"position": position, "due_at": due_at})
