"""The ledger: every effect is stored with its answer and its notice in one transaction."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from http import HTTPStatus
from secrets import token_hex
from sqlite3 import Connection, Row

from pydantic import TypeAdapter

from sandbox import notices
from sandbox.database import transaction
from sandbox.messages import Amount, CaptureRequest, EffectKind, NoticeType, Payment, Refund

PAGE = 100
PAYMENTS = TypeAdapter(list[Payment])
TELLS: dict[EffectKind, NoticeType] = {
    "capture": "payment.captured",
    "refund": "payment.refunded",
    "chargeback": "payment.charged_back",
}

# :operation, :key
FIRST_ANSWER = """
    SELECT digest, status, body FROM answers WHERE operation = :operation AND key = :key
"""
# :operation, :key, :digest, :status, :body
REMEMBER = """
    INSERT INTO answers (operation, key, digest, status, body)
    VALUES (:operation, :key, :digest, :status, :body)
"""
# :payment_id, :booking_id, :payer, :amount_minor, :currency
ADD_PAYMENT = """
    INSERT INTO payments (payment_id, booking_id, payer, amount_minor, currency)
    VALUES (:payment_id, :booking_id, :payer, :amount_minor, :currency)
    ON CONFLICT DO NOTHING
"""
# :payment_id, :kind, :ref, :at. Only the unique indexes know what happened already.
ADD_EFFECT = """
    INSERT INTO effects (payment_id, kind, ref, at)
    VALUES (:payment_id, :kind, :ref, :at)
    ON CONFLICT DO NOTHING
"""
# :payment_id
ONE = """
    SELECT payment_id, booking_id, payer, amount_minor, currency,
           provider_ref, captured_at, refund_ref
    FROM captured_payments WHERE payment_id = :payment_id
"""
# :after, :page. Without `after`, from the start.
SOME = """
    SELECT payment_id, booking_id, payer, amount_minor, currency,
           provider_ref, captured_at, refund_ref
    FROM captured_payments
    WHERE :after IS NULL
       OR position > (SELECT position FROM captured_payments WHERE payment_id = :after)
    ORDER BY position LIMIT :page
"""
EFFECTS = """
    SELECT position, kind, payment_id, ref, at, amount_minor, currency
    FROM effects JOIN payments USING (payment_id)
    ORDER BY position
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """The exact answer to a request; `body` is JSON."""

    status: int
    body: str


def problem(status: int, error: str, **details: str | None) -> Answer:
    return Answer(status, json.dumps({"error": error, **details}))


REFUSED = problem(HTTPStatus.PAYMENT_REQUIRED, "refused", reason="the bank says no")


def capture(
    database: Connection, key: str, request: CaptureRequest, *, refuse: bool, now: datetime
) -> Answer:
    """Capture the money or refuse to; this key gets the same answer for ever."""
    digest = _digest(request.model_dump_json())
    with transaction(database):
        answer = _first_answer(database, "capture", key, digest)
        if answer is None:
            answer = REFUSED if refuse else _take(database, request, now)
            _remember(database, "capture", key, digest, answer)
    return answer


def refund(
    database: Connection, key: str, payment_id: str, *, refuse: bool, now: datetime
) -> Answer:
    """Refund the money. Only success is final: a refund that is refused may be retried."""
    digest = _digest(payment_id)
    with transaction(database):
        answer = _first_answer(database, "refund", key, digest)
        if answer is None:
            answer = REFUSED if refuse else _give_back(database, "refund", payment_id, now)
            if answer.status == HTTPStatus.CREATED:
                _remember(database, "refund", key, digest, answer)
    return answer


def charge_back(database: Connection, payment_id: str, *, now: datetime) -> Answer:
    """Charge the payment back, as the payer's bank does without asking us."""
    with transaction(database):
        return _give_back(database, "chargeback", payment_id, now)


def look_up(database: Connection, payment_id: str) -> Answer:
    payment = find(database, payment_id)
    if payment is None:
        return problem(HTTPStatus.NOT_FOUND, "unknown_payment")
    return Answer(HTTPStatus.OK, payment.model_dump_json())


def find(database: Connection, payment_id: str) -> Payment | None:
    row = database.execute(ONE, {"payment_id": payment_id}).fetchone()
    return row and Payment.model_validate(_with_amount(row))


def page(database: Connection, after: str | None) -> Answer:
    """Return the next payments in the order of their capture."""
    if after is not None and find(database, after) is None:
        return problem(HTTPStatus.NOT_FOUND, "unknown_payment")
    rows = database.execute(SOME, {"after": after, "page": PAGE})
    return Answer(
        HTTPStatus.OK,
        PAYMENTS.dump_json([Payment.model_validate(_with_amount(row)) for row in rows]).decode(),
    )


def effects(database: Connection) -> list[dict[str, object]]:
    """Return every movement of money in order."""
    return [_with_amount(row) for row in database.execute(EFFECTS)]


def _take(database: Connection, request: CaptureRequest, now: datetime) -> Answer:
    columns = request.model_dump(exclude={"amount"}) | request.amount.model_dump()
    if database.execute(ADD_PAYMENT, columns).rowcount == 0:
        return problem(HTTPStatus.CONFLICT, "payment_exists")
    _move(database, "capture", request.payment_id, now)
    return replace(look_up(database, request.payment_id), status=HTTPStatus.CREATED)


def _give_back(database: Connection, kind: EffectKind, payment_id: str, now: datetime) -> Answer:
    payment = find(database, payment_id)
    if payment is None:
        return problem(HTTPStatus.NOT_FOUND, "unknown_payment")
    ref = _move(database, kind, payment_id, now)
    if ref is None:
        return problem(HTTPStatus.CONFLICT, "already_refunded", refund_ref=payment.refund_ref)
    done = Refund(payment_id=payment_id, refund_ref=ref, refunded_at=now)
    return Answer(HTTPStatus.CREATED, done.model_dump_json())


def _move(database: Connection, kind: EffectKind, payment_id: str, now: datetime) -> str | None:
    """Store an effect and its notice; return its reference, or None if it was stored before."""
    ref = f"{kind}-{token_hex(8)}"
    effect = {"payment_id": payment_id, "kind": kind, "ref": ref, "at": now.isoformat()}
    if database.execute(ADD_EFFECT, effect).rowcount == 0:
        return None
    payment = find(database, payment_id)
    assert payment is not None
    notices.write(database, TELLS[kind], payment, now)
    return ref


def _first_answer(database: Connection, operation: str, key: str, digest: str) -> Answer | None:
    row = database.execute(FIRST_ANSWER, {"operation": operation, "key": key}).fetchone()
    if row is None:
        return None
    if row["digest"] != digest:
        return problem(HTTPStatus.CONFLICT, "idempotency_key_reused")
    return Answer(row["status"], row["body"])


def _remember(database: Connection, operation: str, key: str, digest: str, answer: Answer) -> None:
    request = {"operation": operation, "key": key, "digest": digest}
    database.execute(REMEMBER, {**request, "status": answer.status, "body": answer.body})


def _digest(content: str) -> str:
    return sha256(content.encode()).hexdigest()


def _with_amount(row: Row) -> dict[str, object]:
    columns = dict(row)
    amount = {name: columns.pop(name) for name in Amount.model_fields}
    return {**columns, "amount": amount}
