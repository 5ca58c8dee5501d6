"""What goes wrong between two steps, and must not matter."""

import asyncio
from uuid import uuid4

from temporalio.client import Client

from entrypoints.wiring import consumers, worker
from eventstore.slices import StreamId
from tests.workflow.conftest import CONCERT, Stage, place
from tests.workflow.gates import gated
from ticketing.command_handler import Accepted
from ticketing.ids import BookingId
from ticketing.reservations.api import Reserved
from ticketing.verification.postgres import verify_business
from workflows.client import booking_process


async def test_fault_1_a_reservation_made_before_a_crash_is_the_bookings_own(
    stage: Stage, client: Client
) -> None:
    request = place("b1", "1-1")
    made = await stage.parts.reservations.reserve(request.booking_id, 1, CONCERT, request.seats)
    assert isinstance(made, Reserved)

    async with worker(client, stage.settings, stage.parts):
        decision = await stage.process.place(request)

    assert (decision.status, decision.expires_at) == ("confirmed", made.expires_at)
    assert await verify_business(stage.parts.pool) == ()


async def test_fault_3_a_cancel_during_the_reservation_leaks_no_seat(
    stage: Stage, client: Client
) -> None:
    async with gated(stage, client, before="reserve") as gate:
        placing = asyncio.create_task(stage.process.place(place("b1", "1-1")))
        await gate.reached.wait()
        answer = await stage.process.cancel(BookingId("b1"), "changed my mind")
        gate.opened.set()

        assert answer.status == "cancelled"
        assert (await placing).status == "cancelled"
    late = await stage.parts.reservations.reserve(
        BookingId("b1"), 1, CONCERT, place("b1", "1-1").seats
    )
    assert late.type == "ReservationWasReleased"
    assert await stage.held("b1") == 0


async def test_fault_8_a_slow_reservation_blocks_no_other_booking(
    stage: Stage, client: Client
) -> None:
    async with gated(stage, client, before="reserve", booking_id="slow") as gate:
        placing = asyncio.create_task(stage.process.place(place("slow", "1-1")))
        await gate.reached.wait()

        assert (await stage.process.place(place("quick", "1-2"))).status == "confirmed"

        gate.opened.set()
        assert (await placing).status == "confirmed"


async def test_a_booking_that_is_only_in_the_log_gets_its_process(
    running: Stage, client: Client
) -> None:
    request = place("b1", "1-1")
    placed = await running.parts.bookings.execute(request, command_id=uuid4(), metadata={})
    assert isinstance(placed, Accepted)

    for each in consumers(client, running.settings, running.parts):
        await each.run_until_caught_up()

    assert (await running.process.place(request)).status == "confirmed"
    history = await running.parts.store.read_stream(StreamId("booking-b1"))
    assert [event.type for event in history] == ["BookingPlaced", "BookingConfirmed"]


async def test_fault_5_the_view_says_denied_as_the_entity_does(
    running: Stage, client: Client
) -> None:
    await running.process.place(place("b1", "1-1"))
    await running.process.place(place("b2", "1-1"))
    await booking_process(client, BookingId("b2")).result()

    for each in consumers(client, running.settings, running.parts):
        await each.run_until_caught_up()

    view = await running.parts.views.booking(BookingId("b2"))
    entity = await running.parts.bookings.read(StreamId("booking-b2"))
    assert view is not None
    assert entity is not None
    assert view.status == entity.status == "denied"
    assert await verify_business(running.parts.pool) == ()
