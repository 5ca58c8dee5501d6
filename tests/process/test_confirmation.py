"""From the request to the decision: late, repeated, overtaken."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from entrypoints.drill.versions import VERSIONS
from entrypoints.temporal import worker
from tests.support.builders import CONCERT, place
from tests.support.gates import gated
from tests.support.patience import SOON
from tests.support.stage import Stage
from tests.support.waiting import eventually
from ticketing.ids import BookingId
from ticketing.process import NoAnswerError
from workflows.client import OrchestratedBookingProcess, booking_handle

B1 = BookingId("b1")


@pytest.mark.parametrize("answer_was_lost", [False, True])
async def test_h23_a_reservation_that_takes_too_long_holds_nothing(
    stage: Stage, client: Client, *, answer_was_lost: bool
) -> None:
    request = place("b1", "1-1")
    if answer_was_lost:
        await stage.parts.reservations.reserve(B1, 1, CONCERT, request.seats)
    settings = stage.changed(confirmation_timeout_seconds=0.3)
    async with gated(stage, client, before="reserve", settings=settings):
        await stage.process.place(request)
        assert (await booking_handle(client, B1).result()).status == "denied"
        assert await stage.held("b1") == 0
    # the worker has stopped, so the slow call has gone through the gate and been answered
    late = await stage.parts.reservations.reserve(B1, 1, CONCERT, request.seats)
    assert late.type == "ReservationWasReleased"
    assert await stage.held("b1") == 0
    assert stage.told("b1") == ["denied"]
    assert await stage.parts.verification.verify_business() == ()


async def test_h38_who_lost_patience_gets_the_answer_later(stage: Stage, client: Client) -> None:
    impatient = OrchestratedBookingProcess(
        client, stage.settings.task_queue, patience=timedelta(milliseconds=300)
    )
    async with gated(stage, client, before="reserve") as gate:
        with pytest.raises(NoAnswerError, match="no decision on b1 in time"):
            await impatient.place(place("b1", "1-1"))
        gate.opened.set()
        assert (await stage.process.place(place("b1", "1-1"))).status == "confirmed"
    assert (await stage.events("b1")).count("BookingPlaced") == 1


@pytest.mark.timeout(180)
async def test_a_client_outlasts_a_failed_workflow_task(stage: Stage, client: Client) -> None:
    patient = OrchestratedBookingProcess(client, stage.settings.task_queue, patience=2 * SOON)
    async with worker(client, stage.settings, stage.parts, workflows=VERSIONS["3"]):
        placing = asyncio.create_task(patient.place(place("b1", "1-1")))
        handle = booking_handle(client, B1)

        async def failed_often() -> bool:
            try:
                description = (await handle.describe()).raw_description
            except RPCError:  # it has not started yet
                return False
            return description.pending_workflow_task.attempt > 2

        await eventually(failed_often, "a workflow task fails again and again")
    async with worker(client, stage.settings, stage.parts):
        assert (await placing).status == "confirmed"
