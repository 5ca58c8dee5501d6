"""A payment provider that sends whatever a test wants, and the receiver it sends to."""

import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
import asyncpg
from fastapi import FastAPI

from entrypoints.http import server
from entrypoints.settings import LOOPBACK
from entrypoints.webhooks.app import SECRET_BYTES_MIN
from tests.support.waiting import eventually

SECRET = "the secret of today"
OLD_SECRET = "the secret of last week"
assert len(SECRET) >= SECRET_BYTES_MIN
PAYMENT = {
    "payment_id": "bank-7",
    "booking_id": "ada-1",
    "payer": "Ada Lovelace",
    "amount": {"amount_minor": 3000, "currency": "EUR"},
    "provider": "bank",
    "provider_ref": "transfer 7",
    "captured_at": "2031-05-01T12:00:00Z",
    "refund_ref": None,
}
Reply = tuple[int, str]  # the status, and the outcome in the body

TABLES = """
SELECT format('%I.%I', schemaname, tablename) AS name
  FROM pg_tables
 WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
"""


def notice(notice_id: str = "n1", type: str = "payment.captured", **payment: object) -> bytes:
    """The body of a notice of `PAYMENT`, some of its fields changed."""
    content = {
        "notice_id": notice_id,
        "type": type,
        "created_at": "2031-05-01T12:00:01Z",
        "payment": PAYMENT | payment,
    }
    return json.dumps(content).encode()


def now_seconds() -> int:
    return int(datetime.now(UTC).timestamp())


def v1(body: bytes, at: int, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), b"%d." % at + body, "sha256").hexdigest()


def signature(body: bytes, *, at: int | None = None, secret: str = SECRET) -> str:
    at = now_seconds() if at is None else at
    return f"t={at},v1={v1(body, at, secret)}"


@dataclass(frozen=True, slots=True)
class Door:
    """Where a served application is, and connections to it that are kept."""

    session: aiohttp.ClientSession
    port: int

    async def post(self, body: bytes, header: str | None = None) -> Reply:
        """Send a notice, signed now unless a header is given."""
        headers = {"Provider-Signature": signature(body) if header is None else header}
        return await self.send(body, headers)

    async def send(self, body: bytes, headers: dict[str, str]) -> Reply:
        async with self.session.post("/webhooks/payments", data=body, headers=headers) as response:
            return response.status, (await response.json())["outcome"]

    async def get(self, path: str) -> int:
        async with self.session.get(path) as response:
            return response.status

    async def until(self, path: str, status: int = 200) -> None:
        """Asks until this is the answer: it may be as old as a second."""

        async def is_the_answer() -> bool:
            try:
                return await self.get(path) == status
            except aiohttp.ClientConnectionError:
                return False

        await eventually(is_the_answer, f"{path} is answered {status}")


@asynccontextmanager
async def serving(application: FastAPI) -> AsyncIterator[Door]:
    async with (
        server.serving(application, host=LOOPBACK, port=0) as port,
        aiohttp.ClientSession(f"http://{LOOPBACK}:{port}") as session,
    ):
        yield Door(session, port)


async def stored(pool: asyncpg.Pool) -> list[tuple[str, str]]:
    rows = await pool.fetch("SELECT notice_id, type FROM payments.notice ORDER BY notice_id")
    return [(row["notice_id"], row["type"]) for row in rows]


async def logged(pool: asyncpg.Pool) -> list[tuple[str, str]]:
    rows = await pool.fetch("SELECT stream_id, event_type FROM es.event ORDER BY recorded_at")
    return [(row["stream_id"], row["event_type"]) for row in rows]


async def all_tables(pool: asyncpg.Pool) -> dict[str, tuple[int, str]]:
    """How many rows each table has, and a hash of them all."""
    found = {}
    for (name,) in await pool.fetch(TABLES):
        row = await pool.fetchrow(
            f"SELECT count(*), md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) "
            f"FROM {name} AS t"
        )
        assert row is not None
        found[name] = (row[0], row[1])
    return found
