"""What a confirmed booking waits for: the money, a reminder, its deadline."""

from datetime import timedelta
from itertools import pairwise

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import TimeSkipper

from entrypoints.temporal import worker
from tests.support.builders import FREE, HOLD, OPEN_END, PRICE, SHORT, concert, paid, place
from tests.support.clock import Clock
from tests.support.gates import gated
from tests.support.stage import Stage
from ticketing.booking.commands import ExpireBooking
from ticketing.ids import BookingId
from workflows.booking import RE_ARM_FIRST, RE_ARM_MAX, BookingWorkflow
from workflows.client import booking_handle
from workflows.messages import BookingOutcome

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SHORT_HOLD = timedelta(seconds=1.5)

# $1 instant
UNTIL = "SELECT pg_sleep_until($1)"


def process(client: Client) -> WorkflowHandle[BookingWorkflow, BookingOutcome]:
    return booking_handle(client, BookingId("b1"))


async def timers(process: WorkflowHandle[BookingWorkflow, BookingOutcome]) -> list[timedelta]:
    events = (await process.fetch_history()).events
    return [
        event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta()
        for event in events
        if event.HasField("timer_started_event_attributes")
    ]


@pytest.mark.parametrize("before", [timedelta(0), HOLD + HOUR], ids=["never", "longer than hold"])
async def test_no_reminder_is_sent_when_none_fits_into_the_hold(
    stage: Stage, client: Client, env: TimeSkipper, clock: Clock, before: timedelta
) -> None:
    settings = stage.changed(reminder_before_seconds=before.total_seconds())
    async with worker(client, settings, stage.parts):
        await stage.process.place(place("b1", "1-1"))
        await clock.advance(HOLD)
        await env.fast_forward(process(client), HOLD + MINUTE)
        assert (await process(client).result()).status == "expired"
    assert stage.told("b1") == ["confirmed", "expired"]


async def test_h49_a_reminder_after_the_deadline_is_not_sent(stage: Stage, client: Client) -> None:
    await stage.parts.reservations.add_concert(concert(SHORT, PRICE, SHORT_HOLD))
    settings = stage.changed(reminder_before_seconds=SHORT_HOLD.total_seconds() / 3)
    async with worker(client, settings, stage.parts):
        decision = await stage.process.place(place("b1", "1-1", concert=SHORT))
    await stage.parts.pool.execute(UNTIL, decision.expires_at)
    async with worker(client, settings, stage.parts):
        assert (await process(client).result()).status == "expired"
    assert stage.told("b1") == ["confirmed", "expired"]


async def test_h8_a_timer_that_is_early_is_set_again_with_growing_pauses(
    running: Stage, client: Client, env: TimeSkipper, clock: Clock
) -> None:
    await running.process.place(place("b1", "1-1"))
    await env.fast_forward(process(client), HOLD + 5 * MINUTE)  # the database stays behind
    assert await running.events("b1") == ["BookingPlaced", "BookingConfirmed"]
    await clock.advance(HOLD)
    await env.fast_forward(process(client), 2 * RE_ARM_MAX)
    assert (await process(client).result()).status == "expired"
    _, _, *pauses = await timers(process(client))  # the reminder's and the deadline's come first
    assert pauses[0] == RE_ARM_FIRST
    assert all(later == min(2 * pause, RE_ARM_MAX) for pause, later in pairwise(pauses))
    assert pauses[-1] == RE_ARM_MAX


async def test_h7_a_payment_that_came_before_a_late_timer_wins(
    stage: Stage, client: Client, env: TimeSkipper, clock: Clock
) -> None:
    async with gated(stage, client, before=ExpireBooking) as gate:
        await stage.process.place(place("b1", "1-1"))
        await clock.advance(HOLD)
        await env.fast_forward(process(client), HOLD)
        await gate.reached.wait()
        assert await stage.execute(paid("b1")) == "settled"
        gate.opened.set()
        assert (await process(client).result()).status == "settled"
    assert await stage.held("b1") == 1


async def test_h18_a_free_booking_waits_for_nothing(running: Stage, client: Client) -> None:
    await running.process.place(place("b1", "1-1", concert=FREE))
    assert (await process(client).result()).status == "settled"
    assert await timers(process(client)) == []
    assert await running.held("b1", FREE) == 1
    assert running.told("b1") == ["settled"]


async def test_without_a_deadline_no_timer_is_set(running: Stage, client: Client) -> None:
    await running.process.place(place("b1", "1-1", concert=OPEN_END))
    assert await timers(process(client)) == []
