"""How `SandboxProvider` reads what the provider says, and what it makes of silence."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import pytest
from aiohttp import ClientSession, web

from entrypoints.devstack.children import free_port
from entrypoints.settings import LOOPBACK
from eventstore.errors import TransientError
from tests.support.controls import BOOKING_ID, PAYMENT_ID, TOTAL
from tests.support.http import answering
from tests.support.provider import Provider
from ticketing.payment_provider.api import CaptureRequest, ProviderError
from ticketing.payment_provider.sandbox import SandboxProvider

REQUEST = CaptureRequest(payment_id=PAYMENT_ID, booking_id=BOOKING_ID, payer="Ada", amount=TOTAL)
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


async def test_a_cut_look_up_is_transient(provider: Provider, session: ClientSession) -> None:
    client = SandboxProvider(provider.url, session)
    # For ever, because the HTTP client repeats a GET by itself when a used connection is cut.
    await provider.plan({"operation": "look_up", "fault": TIMEOUTS[0], "times": None})
    for name in ("look_up", "ledger"):
        with pytest.raises(TransientError):
            await CALLS[name](client)


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
