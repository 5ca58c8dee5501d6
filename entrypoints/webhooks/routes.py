"""The route of the payment provider's notices. Each answer is one of a closed set."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import asyncpg
import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from entrypoints.http.bodies import read
from eventstore.errors import TransientError
from eventstore.faults import CONNECTION_FAULTS
from ticketing.notice_receiver import NoticeReceiver
from ticketing.payment_provider.notices import Stored, parse_notice
from ticketing.payment_provider.signature import SignatureRefusal, verify

BODY_BYTES_MAX = 64 * 1024  # a notice has 1 KB; nobody is read any further
STORE_FAULTS = (TransientError, asyncpg.PostgresError, *CONNECTION_FAULTS)
STORE_TIMEOUT = timedelta(seconds=10)  # a healthy database takes 10 ms; the provider waits

Answer = Stored | SignatureRefusal | Literal["too_large", "unread", "no_notice", "unavailable"]

# The provider repeats a notice until the answer is 2xx. 503 says that it will succeed later.
STATUS: dict[Answer, int] = {
    "stored": 200,
    "known": 200,
    "notice_differs": 409,
    "signature_missing": 400,
    "signature_malformed": 400,
    "signature_wrong": 400,
    "signature_too_old": 400,
    "signature_from_the_future": 400,
    "unread": 408,
    "too_large": 413,
    "no_notice": 422,
    "unavailable": 503,
}

_log = structlog.get_logger()


def router(receiver: NoticeReceiver, secrets: Sequence[bytes]) -> APIRouter:
    """Return the route."""
    routes = APIRouter()

    @routes.post("/webhooks/payments")
    async def receive_notice(request: Request) -> JSONResponse:
        """A signed notice; the answer is `{"outcome": ...}`, and each outcome has one status."""
        answer = await _answer(request, receiver, secrets)
        status = STATUS[answer]
        if status != 200:
            _log.warning("notice refused", reason=answer)
        # What was not read yet would be taken for the next request.
        headers = {"Connection": "close"} if answer in ("too_large", "unread") else None
        return JSONResponse({"outcome": answer}, status, headers)

    return routes


async def _answer(request: Request, receiver: NoticeReceiver, secrets: Sequence[bytes]) -> Answer:
    body = await read(request, BODY_BYTES_MAX)
    if isinstance(body, str):
        return body
    header = ",".join(request.headers.getlist("Provider-Signature")) or None
    now = datetime.now(UTC)  # noqa: TID251  # this machine's: a stranger costs no query
    verified = verify(header, body, secrets, now)
    if isinstance(verified, str):
        return verified
    try:
        notice = parse_notice(verified)
    except ValidationError as error:
        _log.warning("no notice", problems=sorted({problem["type"] for problem in error.errors()}))
        return "no_notice"
    try:
        async with asyncio.timeout(STORE_TIMEOUT.total_seconds()):
            return await receiver.receive(notice)
    except STORE_FAULTS as error:
        _log.error("notice not stored", notice_id=notice.notice_id, error=type(error).__name__)
        return "unavailable"
