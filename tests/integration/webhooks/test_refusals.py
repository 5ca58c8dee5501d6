"""What is no notice of the provider is answered 4xx, counted in the log, and told nothing: H47."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from structlog.testing import capture_logs

from entrypoints.http import bodies
from entrypoints.settings import LOOPBACK
from entrypoints.webhooks import routes
from entrypoints.webhooks.routes import BODY_BYTES_MAX
from entrypoints.wiring import BoxOffice
from eventstore.api import CommandRef, NewEvent
from eventstore.slices import StreamId
from tests.integration.webhooks.provider import (
    SECRET,
    Door,
    all_tables,
    notice,
    now_seconds,
    signature,
    stored,
)
from tests.support.patience import SOON_SECONDS
from ticketing.payment_provider.signature import VerifiedBody

REQUEST = b"POST /webhooks/payments HTTP/1.1\r\nHost: box-office\r\n"


STRANGERS, DAY = "a guess of a stranger", 86_400
# What a provider did not send now; how much of it is refused: tests/unit/payment_provider.
FORGED: list[tuple[str, Callable[[], str]]] = [
    ("signature_wrong", lambda: signature(notice(), secret=STRANGERS)),
    ("signature_too_old", lambda: signature(notice(), at=now_seconds() - DAY)),
    ("signature_from_the_future", lambda: signature(notice(), at=now_seconds() + DAY)),
    ("signature_missing", lambda: ""),
]


@pytest.mark.parametrize(("reason", "header"), FORGED)
async def test_h47_a_wrong_signature_is_refused_and_logged(
    door: Door, pool: asyncpg.Pool, reason: str, header: Callable[[], str]
) -> None:
    """Also of a notice that was received before."""
    assert await door.post(notice()) == (200, "stored")
    before = await all_tables(pool)
    with capture_logs() as lines:
        assert await door.post(notice(), header()) == (400, reason)
    assert [(line["event"], line["reason"]) for line in lines] == [("notice refused", reason)]
    assert await all_tables(pool) == before


async def test_without_the_signature_check_a_forged_notice_is_stored(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "verify", lambda _, body, *__: VerifiedBody(body))
    forged = signature(notice(), secret=STRANGERS)
    assert await door.post(notice(), forged) == (200, "stored")


async def test_two_signature_headers_are_one_malformed_one(door: Door) -> None:
    body = notice()
    headers = [("Provider-Signature", signature(body))] * 2
    async with door.session.post("/webhooks/payments", data=body, headers=headers) as response:
        assert (response.status, await response.json()) == (400, {"outcome": "signature_malformed"})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"\xff\xfe",
        b"[" * 10_000,
        b'{"notice_id": "n1"}',
        notice(notice_id=""),
        notice(amount={"amount_minor": -1, "currency": "EUR"}),
        notice(captured_at="yesterday"),
        notice(captured_at="2031-05-01T12:00:00"),
        notice(payer="NUL \0 is kept by no database"),
        notice(payer="half of a pair \ud800"),
        notice(payment_id="a/b"),
    ],
)
async def test_a_signed_body_may_be_no_notice(door: Door, pool: asyncpg.Pool, body: bytes) -> None:
    with capture_logs() as lines:
        assert await door.post(body) == (422, "no_notice")
    assert [line["event"] for line in lines] == ["no notice", "notice refused"]
    assert await stored(pool) == []


async def test_a_malformed_body_of_a_stranger_is_not_looked_at(door: Door) -> None:
    assert await door.post(b"{", "t=now") == (400, "signature_malformed")
    assert await door.post(b"{", "") == (400, "signature_missing")
    assert await door.send(b"{", {}) == (400, "signature_missing")


async def test_the_longest_body_is_read_and_no_byte_more(door: Door) -> None:
    longest = notice() + b" " * (BODY_BYTES_MAX - len(notice()))
    assert await door.post(longest + b" ") == (413, "too_large")
    assert await door.post(longest) == (200, "stored")


@pytest.mark.parametrize(
    "announced", [b"Transfer-Encoding: chunked", b"Content-Length: 10000000000"]
)
async def test_a_body_without_end_is_refused_before_its_end(door: Door, announced: bytes) -> None:
    reader, writer = await asyncio.open_connection(LOOPBACK, door.port)
    size = BODY_BYTES_MAX + 1
    chunk = b"%x\r\n" % size if announced.endswith(b"chunked") else b""
    writer.write(REQUEST + announced + b"\r\n\r\n" + chunk + b" " * size)
    async with asyncio.timeout(SOON_SECONDS):
        answer = await reader.read()  # to the end: the connection is closed
    writer.close()
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_sender_that_stops_times_out(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "READ_TIMEOUT", timedelta(milliseconds=50))
    reader, writer = await asyncio.open_connection(LOOPBACK, door.port)
    writer.write(REQUEST + b"Content-Length: 100\r\n\r\n{")
    async with asyncio.timeout(SOON_SECONDS):
        answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_a_sender_that_hangs_up_is_no_defect(
    door: Door, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refused = asyncio.Event()
    lines: list[str] = []

    class Log:
        def warning(self, event: str, *, reason: str) -> None:
            lines.append(f"{event}: {reason}")
            refused.set()

    monkeypatch.setattr(routes, "_log", Log())
    _, writer = await asyncio.open_connection(LOOPBACK, door.port)
    writer.write(REQUEST + b"Content-Length: 100\r\n\r\n{")
    await writer.drain()
    writer.close()
    async with asyncio.timeout(SOON_SECONDS):
        await refused.wait()
    assert lines == ["notice refused: unread"]
    assert await door.post(notice()) == (200, "stored")
    assert caplog.records == []


async def test_the_log_holds_nothing_secret(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    good, malformed = signature(notice()), notice(payer="Ada \0 Lovelace")
    with capture_logs() as lines:
        await door.post(notice(), good)
        await door.post(notice(payer="Countess Lovelace"))
        await door.post(notice("n2", payer="Countess Lovelace"))
        await door.post(malformed)
        await door.post(notice(), signature(notice(), at=now_seconds() - 1_000))
    assert len(lines) == 7
    told = json.dumps(lines) + caplog.text
    for hidden in ("Lovelace", "3000", SECRET, good.rpartition("=")[2]):
        assert hidden not in told


async def test_a_defect_is_told_to_the_log_and_not_to_the_sender(
    door: Door, parts: BoxOffice, caplog: pytest.LogCaptureFixture
) -> None:
    stream, command = StreamId("payment-bank-7"), CommandRef(UUID(int=1), UUID(int=1))
    unknown = NewEvent(type="PaymentPainted", schema_version=1, data="{}")
    await parts.store.append(stream, command, [unknown], expected=0, metadata={})
    body = notice()
    headers = {"Provider-Signature": signature(body)}
    async with door.session.post("/webhooks/payments", data=body, headers=headers) as response:
        assert (response.status, await response.text()) == (500, "Internal Server Error")
    assert "PaymentPainted" in caplog.text
    assert await stored(parts.pool) == []


async def test_nothing_else_is_served(door: Door) -> None:
    paths = ("/", "/docs", "/openapi.json", "/redoc")
    assert [await door.get(path) for path in paths] == [404] * len(paths)
    assert await door.get("/webhooks/payments") == 405
