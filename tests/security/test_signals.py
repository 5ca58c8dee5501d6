"""Anybody who reaches Temporal can send a signal: it is a reason to ask the booking, no more."""

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import TimeSkipper

from entrypoints import temporal
from entrypoints.settings import Settings
from entrypoints.temporal import worker
from entrypoints.wiring import terms
from tests.process.conftest import provider_url, running, stage
from tests.support.builders import HOLD, place
from tests.support.clock import Clock
from tests.support.stage import Stage, until_it_waits
from ticketing.ids import BookingId, PaymentId
from ticketing.policies import ProcessTerms
from workflows.booking import BookingWorkflow
from workflows.client import booking_handle
from workflows.messages import BookingOutcome, Settled

__all__ = ["provider_url", "running", "stage"]  # pytest looks for them here

Booking = WorkflowHandle[BookingWorkflow, BookingOutcome]


async def say_it_is_settled(stage: Stage, client: Client) -> Booking:
    await stage.process.place(place("b1", "1-1"))
    booking = booking_handle(client, BookingId("b1"))
    await until_it_waits(booking)
    await booking.signal(BookingWorkflow.settled, Settled(payment_id=PaymentId("invented")))
    return booking


async def test_a_booking_of_which_a_stranger_says_that_it_is_settled_expires_in_time(
    running: Stage, client: Client, env: TimeSkipper, clock: Clock
) -> None:
    booking = await say_it_is_settled(running, client)
    await clock.advance(HOLD)
    await env.fast_forward(booking, HOLD)
    assert (await booking.result()).status == "expired"
    assert await running.held("b1") == 0
    assert running.told("b1") == ["confirmed", "payment_reminder", "expired"]


async def test_it_can_be_cancelled(running: Stage, client: Client) -> None:
    booking = await say_it_is_settled(running, client)
    for _ in range(3):
        await booking.signal(BookingWorkflow.settled, Settled(payment_id=PaymentId("invented")))
    cancelled = await running.process.cancel(BookingId("b1"), "ill")
    assert cancelled.status == "cancelled"
    assert await running.held("b1") == 0


async def test_control_a_process_that_checks_no_signal_believes_the_stranger(
    stage: Stage, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unchecked(settings: Settings) -> ProcessTerms:
        return terms(settings).model_copy(update={"signals_are_checked": False})

    monkeypatch.setattr(temporal, "terms", unchecked)
    async with worker(client, stage.settings, stage.parts):
        booking = await say_it_is_settled(stage, client)
        assert (await booking.result()).status == "settled"
    assert (await stage.booking("b1")).status == "confirmed"
    assert await stage.held("b1") == 1
