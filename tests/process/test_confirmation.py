"""From the request to the decision: late, repeated, overtaken."""

from datetime import timedelta

import pytest
from temporalio.client import Client, WorkflowHandle

from tests.process.conftest import CONCERT, Stage, place
from tests.support.gates import gated
from ticketing.ids import BookingId
from ticketing.process import NoAnswerError, PaymentOutcome
from workflows.client import OrchestratedBookingProcess, booking_handle
from workflows.payment import PaymentWorkflow

B1 = BookingId("b1")


async def until_it_waits(paying: WorkflowHandle[PaymentWorkflow, PaymentOutcome]) -> None:
    """Until the payment's process has asked the booking, and set a timer to ask again."""
    async for event in paying.fetch_history_events(wait_new_event=True):
        if event.HasField("timer_started_event_attributes"):
            return


async def test_h33_without_an_answer_in_time_the_booking_is_denied_and_holds_nothing(
    stage: Stage, client: Client
) -> None:
    settings = stage.changed(confirmation_timeout_seconds=0.3)
    async with gated(stage, client, before="reserve", settings=settings):
        decision = await stage.process.place(place("b1", "1-1"))

        assert (decision.status, decision.reason) == ("denied", "reservation_timed_out")
        assert (await booking_handle(client, B1).result()).status == "denied"
    assert stage.told("b1") == ["denied"]
    assert await stage.held("b1") == 0


async def test_h23_a_reservation_made_after_the_time_out_finds_the_tombstone(
    stage: Stage, client: Client
) -> None:
    settings = stage.changed(confirmation_timeout_seconds=0.3)
    async with gated(stage, client, before="reserve", settings=settings):
        await stage.process.place(place("b1", "1-1"))
        await booking_handle(client, B1).result()
    # the worker has stopped, so the slow call has gone through the gate and been answered

    late = await stage.parts.reservations.reserve(B1, 1, CONCERT, place("b1", "1-1").seats)
    assert late.type == "ReservationWasReleased"
    assert await stage.held("b1") == 0


async def test_h23_a_reservation_whose_answer_was_lost_is_released(
    stage: Stage, client: Client
) -> None:
    request = place("b1", "1-1")
    await stage.parts.reservations.reserve(B1, 1, CONCERT, request.seats)
    settings = stage.changed(confirmation_timeout_seconds=0.3)
    async with gated(stage, client, before="reserve", settings=settings):
        await stage.process.place(request)
        await booking_handle(client, B1).result()

        assert await stage.held("b1") == 0
    assert await stage.parts.verification.verify_business() == ()


async def test_h38_who_lost_patience_asks_again_and_gets_the_answer(
    stage: Stage, client: Client
) -> None:
    impatient = OrchestratedBookingProcess(
        client, stage.settings.task_queue, patience=timedelta(milliseconds=300)
    )
    async with gated(stage, client, before="reserve") as gate:
        with pytest.raises(NoAnswerError, match="no decision on b1 in time"):
            await impatient.place(place("b1", "1-1"))

        gate.opened.set()

        assert (await stage.process.place(place("b1", "1-1"))).status == "confirmed"
    assert (await stage.events("b1")).count("BookingPlaced") == 1
