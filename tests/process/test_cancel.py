"""A cancel, in any phase of a booking and from any side, has one truthful answer."""

import asyncio

from temporalio.client import Client, WorkflowHandle

from tests.support.builders import CONCERT, paid, place
from tests.support.gates import gated
from tests.support.stage import Stage
from ticketing.booking.commands import CancelBooking, ConfirmBooking
from ticketing.booking.rejections import BookingIsCancelled
from ticketing.ids import BookingId
from ticketing.process import CancelAnswer
from workflows.booking import BookingWorkflow
from workflows.client import booking_handle
from workflows.messages import BookingOutcome

B1 = BookingId("b1")


async def until_it_knows(process: WorkflowHandle[BookingWorkflow, BookingOutcome]) -> None:
    requested = False
    async for event in process.fetch_history_events(wait_new_event=True):
        requested |= event.HasField("workflow_execution_cancel_requested_event_attributes")
        if requested and event.HasField("workflow_task_completed_event_attributes"):
            return


async def test_fault_9_a_cancel_needs_no_view(running: Stage) -> None:
    await running.process.place(place("b1", "1-1"))
    assert await running.parts.views.booking(B1) is None  # no projection runs
    answer = await running.process.cancel(B1, "ill")
    assert answer == CancelAnswer(status="cancelled", reason="ill")
    assert running.told("b1") == ["confirmed", "cancelled"]


async def test_h40_a_faster_payment_keeps_the_tickets(stage: Stage, client: Client) -> None:
    async with gated(stage, client, before=CancelBooking) as gate:
        await stage.process.place(place("b1", "1-1"))
        cancelling = asyncio.create_task(stage.process.cancel(B1, "ill"))
        await gate.reached.wait()
        assert await stage.execute(paid("b1")) == "settled"
        gate.opened.set()
        assert (await cancelling).status == "settled"
    assert await stage.held("b1") == 1
    assert stage.told("b1") == ["confirmed"]  # the payment's process sends the receipt


async def test_h40_a_faster_cancel_frees_the_seats(stage: Stage, client: Client) -> None:
    async with gated(stage, client, before="release") as gate:
        await stage.process.place(place("b1", "1-1"))
        cancelling = asyncio.create_task(stage.process.cancel(B1, "ill"))
        await gate.reached.wait()
        assert await stage.execute(paid("b1")) == BookingIsCancelled()
        gate.opened.set()
        assert (await cancelling).status == "cancelled"
    assert await stage.held("b1") == 0


async def test_a_booking_cancelled_meanwhile_frees_its_seats(stage: Stage, client: Client) -> None:
    async with gated(stage, client, before=ConfirmBooking) as gate:
        placing = asyncio.create_task(stage.process.place(place("b1", "1-1")))
        await gate.reached.wait()
        cancel = CancelBooking(booking_id=B1, reason="ill", cancelled_by="operator")
        assert await stage.execute(cancel) == "cancelled"
        gate.opened.set()
        assert (await placing).status == "cancelled"
        assert (await booking_handle(client, B1).result()).status == "cancelled"
    assert await stage.held("b1") == 0


async def test_cancelling_the_process_cancels_the_booking(running: Stage, client: Client) -> None:
    await running.process.place(place("b1", "1-1"))
    await booking_handle(client, B1).cancel()
    ended = await booking_handle(client, B1).result()
    assert (ended.status, ended.reason) == ("cancelled", "process cancelled")
    assert await running.held("b1") == 0
    assert await running.parts.verification.verify_business() == ()


async def test_cancelling_while_seats_are_reserved_leaks_none(stage: Stage, client: Client) -> None:
    async with gated(stage, client, before="reserve") as gate:
        placing = asyncio.create_task(stage.process.place(place("b1", "1-1")))
        await gate.reached.wait()
        await booking_handle(client, B1).cancel()
        assert (await placing).status == "cancelled"
        assert (await booking_handle(client, B1).result()).status == "cancelled"
    late = await stage.parts.reservations.reserve(B1, 1, CONCERT, place("b1", "1-1").seats)
    assert late.type == "ReservationWasReleased"


async def test_cancelling_while_seats_are_released_frees_them(stage: Stage, client: Client) -> None:
    async with gated(stage, client, before="release") as gate:
        await stage.process.place(place("b1", "1-1"))
        cancelling = asyncio.create_task(stage.process.cancel(B1, "ill"))
        await gate.reached.wait()
        await booking_handle(client, B1).cancel()
        await until_it_knows(booking_handle(client, B1))
        gate.opened.set()
        assert await cancelling == CancelAnswer(status="cancelled", reason="ill")
        assert (await booking_handle(client, B1).result()).reason == "ill"
    assert await stage.held("b1") == 0
    assert stage.told("b1") == ["confirmed", "cancelled"]
