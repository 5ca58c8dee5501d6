"""How `SandboxProvider` reads what the provider says, and what it makes of silence."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import pytest
from aiohttp import ClientSession, web

from entrypoints.devstack.children import free_port
from entrypoints.settings import LOOPBACK
from eventstore.errors import TransientError
from tests.support.controls import BOOKING_ID, PAYMENT_ID, TOTAL
from tests.support.http import answering
from tests.support.provider import Provider
from ticketing.payment_provider.api import CaptureRequest, ProviderError, ProviderPayment
from ticketing.payment_provider.sandbox import SandboxProvider

REQUEST = CaptureRequest(payment_id=PAYMENT_ID, booking_id=BOOKING_ID, payer="Ada", amount=TOTAL)
IMPATIENT = timedelta(milliseconds=200)
TIMEOUTS = ("timeout_before_effect", "timeout_after_effect")
Call = Callable[[SandboxProvider], Awaitable[object]]


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


CALLS: dict[str, Call] = {
    "capture": lambda client: client.capture(REQUEST),
    "refund": lambda client: client.refund(PAYMENT_ID),
    "look_up": lambda client: client.look_up(PAYMENT_ID),
    "ledger": lambda client: client.ledger(),
}
each_call = pytest.mark.parametrize("name", CALLS)


def saying(status: int, body: str) -> AbstractAsyncContextManager[str]:
    """Somebody who says the same to everything."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    return answering(answer)


async def test_a_cut_connection_is_transient(provider: Provider, session: ClientSession) -> None:
    client = SandboxProvider(provider.url, session)
    for operation in ("capture", "refund"):
        for fault in TIMEOUTS:
            await provider.plan({"operation": operation, "fault": fault})
            with pytest.raises(TransientError, match=PAYMENT_ID):
                await CALLS[operation](client)
    assert isinstance(await client.capture(REQUEST), ProviderPayment)
    assert await client.refund(PAYMENT_ID)
    assert [row["kind"] for row in await provider.rows("effects")] == ["capture", "refund"]


async def test_a_cut_look_up_is_transient(provider: Provider, session: ClientSession) -> None:
    client = SandboxProvider(provider.url, session)
    # For ever, because the HTTP client repeats a GET by itself when a used connection is cut.
    await provider.plan({"operation": "look_up", "fault": TIMEOUTS[0], "times": None})
    for name in ("look_up", "ledger"):
        with pytest.raises(TransientError):
            await CALLS[name](client)


async def test_waiting_for_an_answer_ends(provider: Provider, session: ClientSession) -> None:
    client = SandboxProvider(provider.url, session, IMPATIENT)
    await provider.plan({"operation": "capture", "fault": "slow", "seconds": 0.5})
    with pytest.raises(TransientError, match="TimeoutError"):
        await client.capture(REQUEST)


async def test_a_slow_answer_is_an_answer(provider: Provider, session: ClientSession) -> None:
    await provider.plan({"operation": "capture", "fault": "slow", "seconds": 0.1})
    payment = await SandboxProvider(provider.url, session).capture(REQUEST)
    assert isinstance(payment, ProviderPayment)


async def test_a_refused_refund_is_transient(provider: Provider, session: ClientSession) -> None:
    client = SandboxProvider(provider.url, session)
    await client.capture(REQUEST)
    await provider.plan({"operation": "refund", "fault": "refuse"})
    with pytest.raises(TransientError, match="refused"):
        await client.refund(PAYMENT_ID)
    assert await client.refund(PAYMENT_ID)


async def test_a_chargeback_counts_as_a_refund(provider: Provider, session: ClientSession) -> None:
    client = SandboxProvider(provider.url, session)
    await client.capture(REQUEST)
    ref = await provider.charge_back(PAYMENT_ID)
    assert await client.refund(PAYMENT_ID) == ref


@each_call
async def test_nobody_there_is_transient(session: ClientSession, name: str) -> None:
    with pytest.raises(TransientError):
        await CALLS[name](SandboxProvider(f"http://{LOOPBACK}:{free_port()}", session))


@each_call
@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_trouble_there_is_transient(session: ClientSession, name: str, status: int) -> None:
    async with saying(status, "come again") as url:
        with pytest.raises(TransientError, match=str(status)):
            await CALLS[name](SandboxProvider(url, session))


@each_call
@pytest.mark.parametrize("status", [400, 404, 422])
async def test_complaints_are_not_transient(session: ClientSession, name: str, status: int) -> None:
    async with saying(status, "not like this") as url:
        with pytest.raises(ProviderError, match=str(status)):
            await CALLS[name](SandboxProvider(url, session))


@pytest.mark.parametrize(
    ("name", "status"),
    [("capture", 201), ("capture", 402), ("refund", 201), ("look_up", 200), ("ledger", 200)],
)
async def test_an_answer_that_nobody_can_read_says_nothing_about_the_money(
    session: ClientSession, name: str, status: int
) -> None:
    async with saying(status, "<html>all is well</html>") as url:
        with pytest.raises(TransientError, match="cannot be read"):
            await CALLS[name](SandboxProvider(url, session))
