"""What a booking costs on the server: Actions by its own meter, and events of its history."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from urllib.request import urlopen

import pytest
from temporalio.client import Client
from temporalio.testing import TimeSkipper

from entrypoints.devstack.servers import TemporalServer
from tests.support.builders import HOLD, place
from tests.support.clock import Clock
from tests.support.provider import Provider
from tests.support.stage import Stage
from ticketing.ids import BookingId
from workflows.client import booking_handle

Cost = Callable[[int, int], Awaitable[None]]

SETTLED_METER = 3.0  # seconds that the meter lags behind, at most


def actions(temporal: TemporalServer, namespace: str) -> Iterator[int]:
    """The server's count for the namespace, without the clock skips of tests."""
    label = namespace.replace("-", "_")  # as Prometheus wants it
    url = f"http://127.0.0.1:{temporal.metrics_port}/metrics"
    with urlopen(url) as answer:
        lines = answer.read().decode().splitlines()
    for line in lines:
        ours = line.startswith("action{") and f'namespace="{label}"' in line
        if ours and "UpdateWorkflowExecutionOptions" not in line:
            yield int(float(line.rsplit(" ", 1)[1]))


async def settled_actions(temporal: TemporalServer, namespace: str) -> int:
    """The count once it has stood still for as long as the meter lags."""
    loop = asyncio.get_running_loop()
    count, since = -1, loop.time()
    while loop.time() - since < SETTLED_METER:
        now = sum(await asyncio.to_thread(lambda: list(actions(temporal, namespace))))
        if now != count:
            count, since = now, loop.time()
    return count


@pytest.fixture
def provider_url(provider: Provider) -> str:
    return provider.url


@pytest.fixture
def cost(client: Client, temporal: TemporalServer, capsys: pytest.CaptureFixture[str]) -> Cost:
    """Checks that all processes together have cost no more Actions and events than this."""

    async def check(actions_max: int, events_max: int) -> None:
        used = await settled_actions(temporal, client.namespace)
        histories = [history async for history in client.list_workflows().map_histories()]
        events = sum(len(history.events) for history in histories)
        with capsys.disabled():
            print(f"\n{used} Actions of {actions_max}, {events} events of {events_max}")
        assert 0 < used <= actions_max
        assert 0 < events <= events_max

    return check


async def test_a_denied_booking_keeps_its_budget(running: Stage, cost: Cost) -> None:
    request = place("taken", "1-1")
    await running.parts.reservations.reserve(
        request.booking_id, 1, request.concert_id, request.seats
    )
    assert (await running.process.place(place("b1", "1-1"))).status == "denied"
    await cost(5, 22)


async def test_a_settled_booking_and_its_payment_keep_their_budget(
    running: Stage, client: Client, cost: Cost
) -> None:
    await running.process.place(place("b1", "1-1"))
    assert (await running.pay("b1")).status == "applied"
    assert (await booking_handle(client, BookingId("b1")).result()).status == "settled"
    await cost(9, 45)


async def test_a_booking_that_expires_after_a_reminder_keeps_its_budget(
    running: Stage, client: Client, env: TimeSkipper, clock: Clock, cost: Cost
) -> None:
    await running.process.place(place("b1", "1-1"))
    await clock.advance(HOLD)
    handle = booking_handle(client, BookingId("b1"))
    await env.fast_forward(handle, HOLD - timedelta(minutes=30))
    await env.fast_forward(handle, timedelta(hours=1))
    assert (await handle.result()).status == "expired"
    await cost(11, 45)
