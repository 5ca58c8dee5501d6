"""Every way through the processes, each on real servers of its own; `@path` adds one.

The booking is `b1`, its payment `p1`. A path ends when both processes have.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

from temporalio.client import Client, WorkflowHandle

from entrypoints.demo.chapters import CRASHING
from entrypoints.devstack.children import claim
from entrypoints.settings import Settings
from entrypoints.temporal import worker
from tests.support.builders import FREE, OPEN_END, PRICE, SHORT, concert, paid, place
from tests.support.clock import Clock
from tests.support.gates import gated
from tests.support.programs import worker_process
from tests.support.stage import Stage, until_it_waits
from ticketing.booking.commands import CancelBooking, ConfirmBooking, ExpireBooking
from ticketing.ids import BookingId, PaymentId
from ticketing.money import Money
from ticketing.payment.commands import ReportPayment
from workflows.booking import BookingWorkflow
from workflows.client import booking_handle, start_payment
from workflows.messages import Settled

Walk: TypeAlias = Callable[[Stage, Client], Awaitable[None]]

PATHS: dict[str, Walk] = {}
B1 = BookingId("b1")
SHORT_HOLD = timedelta(seconds=1)
TOO_MUCH = Money(amount_minor=PRICE.amount_minor + 1, currency=PRICE.currency)


def path(walk: Walk) -> Walk:
    PATHS[walk.__name__] = walk
    return walk


@path
async def rejected(stage: Stage, client: Client) -> None:
    async with worker(client, stage.settings, stage.parts):
        await stage.process.place(place(B1))
        await ended(client)


@path
async def denied(stage: Stage, client: Client) -> None:
    await stage.parts.reservations.reserve(
        BookingId("taken"), 1, place(B1, "1-1").concert_id, place(B1, "1-1").seats
    )
    async with worker(client, stage.settings, stage.parts):
        await stage.process.place(place(B1, "1-1"))
        await ended(client)


@path
async def free(stage: Stage, client: Client) -> None:
    async with worker(client, stage.settings, stage.parts):
        await stage.process.place(place(B1, "1-1", concert=FREE))
        await ended(client)


@path
async def settled(stage: Stage, client: Client) -> None:
    async with worker(client, stage.settings, stage.parts):
        await stage.process.place(place(B1, "1-1"))
        await stage.pay(B1)
        await ended(client)


@path
async def settled_after_a_slow_reservation(stage: Stage, client: Client) -> None:
    async with gated(stage, client, before="reserve") as gate:
        placing = asyncio.create_task(stage.process.place(place(B1, "1-1")))
        await gate.reached.wait()
        await until_an_activity_is_scheduled(booking_handle(client, B1))
        gate.opened.set()
        await placing
        await stage.pay(B1)
        await ended(client)


@path
async def settled_although_somebody_said_so_before(stage: Stage, client: Client) -> None:
    async with worker(client, stage.settings, stage.parts):
        await stage.process.place(place(B1, "1-1"))
        process = booking_handle(client, B1)
        await process.signal(BookingWorkflow.settled, Settled(payment_id=PaymentId("invented")))
        await stage.pay(B1)
        await ended(client)


@path
async def refused_by_the_provider(stage: Stage, client: Client) -> None:
    async with worker(client, stage.settings, stage.parts):
        await stage.process.place(place(B1, "1-1"))
        await stage.process.pay(ReportPayment(payment_id=PaymentId("p1"), booking_id=B1))
        await stage.process.cancel(B1, "no money")


@path
async def settled_without_a_deadline(stage: Stage, client: Client) -> None:
    async with worker(client, stage.settings, stage.parts):
        await stage.process.place(place(B1, "1-1", concert=OPEN_END))
        await stage.pay(B1)
        await ended(client)


@path
async def settled_by_a_payment_that_overtook_the_confirmation(stage: Stage, client: Client) -> None:
    async with gated(stage, client, before="reserve") as gate:
        placing = asyncio.create_task(stage.process.place(place(B1, "1-1")))
        await gate.reached.wait()
        paying = await start_payment(
            client, stage.settings.task_queue, (await stage.capture(B1)).report()
        )
        await until_it_waits(paying)
        gate.opened.set()
        await placing
        await paying.result()
        await ended(client)


@path
async def settled_just_before_it_expires(stage: Stage, client: Client) -> None:
    async with gated(
        stage, client, before=ExpireBooking, settings=await with_short_hold(stage)
    ) as gate:
        await stage.process.place(place(B1, "1-1", concert=SHORT))
        await gate.reached.wait()
        await stage.execute(paid(B1))
        gate.opened.set()
        await ended(client)


@path
async def settled_although_a_worker_was_killed(stage: Stage, client: Client) -> None:
    with tempfile.TemporaryDirectory(prefix="box-office-") as directory:
        async with (
            claim(Path(directory)) as home,
            worker_process(home, stage, client, CRASHING.command) as doomed,
        ):
            placing = asyncio.create_task(stage.process.place(place(B1, "1-1")))
            await doomed.wait()
    async with worker(client, stage.settings, stage.parts):
        await placing
        await stage.pay(B1)
        await ended(client)


@path
async def expired_after_a_reminder(stage: Stage, client: Client) -> None:
    async with worker(client, await with_short_hold(stage), stage.parts):
        await stage.process.place(place(B1, "1-1", concert=SHORT))
        await ended(client)


@path
async def expired_at_the_second_try(stage: Stage, client: Client) -> None:
    settings = await with_short_hold(stage)
    async with gated(stage, client, before=ConfirmBooking, settings=settings) as gate:
        placing = asyncio.create_task(stage.process.place(place(B1, "1-1", concert=SHORT)))
        await gate.reached.wait()
        await Clock(str(stage.settings.database_url)).set_offset(-SHORT_HOLD)
        gate.opened.set()
        await placing
        await ended(client)


@path
async def expired_and_reinstated(stage: Stage, client: Client) -> None:
    async with worker(client, await with_short_hold(stage), stage.parts):
        await stage.process.place(place(B1, "1-1", concert=SHORT))
        await ended(client)
        await stage.pay(B1)


@path
async def expired_and_refunded(stage: Stage, client: Client) -> None:
    settings = (await with_short_hold(stage)).model_copy(update={"late_payment": "refund"})
    async with worker(client, settings, stage.parts):
        await stage.process.place(place(B1, "1-1", concert=SHORT))
        await ended(client)
        await stage.pay(B1)


@path
async def expired_and_refunded_because_its_seat_is_taken(stage: Stage, client: Client) -> None:
    async with worker(client, await with_short_hold(stage), stage.parts):
        await stage.process.place(place(B1, "1-1", concert=SHORT))
        await ended(client)
        other = place("faster", "1-1", concert=SHORT)
        await stage.parts.reservations.reserve(other.booking_id, 1, SHORT, other.seats)
        await stage.pay(B1)


@path
async def refunded_because_of_its_amount(stage: Stage, client: Client) -> None:
    async with worker(client, stage.settings, stage.parts):
        await stage.process.place(place(B1, "1-1"))
        await stage.pay(B1, amount=TOO_MUCH)
        await stage.process.cancel(B1, "paid too much")


@path
async def cancelled_while_waiting(stage: Stage, client: Client) -> None:
    async with worker(client, stage.settings, stage.parts):
        await stage.process.place(place(B1, "1-1"))
        await stage.process.cancel(B1, "ill")


@path
async def cancelled_while_reserving(stage: Stage, client: Client) -> None:
    async with gated(stage, client, before="reserve") as gate:
        placing = asyncio.create_task(stage.process.place(place(B1, "1-1")))
        await gate.reached.wait()
        await stage.process.cancel(B1, "ill")
        await placing


@path
async def cancelled_while_confirming(stage: Stage, client: Client) -> None:
    async with gated(stage, client, before=ConfirmBooking) as gate:
        placing = asyncio.create_task(stage.process.place(place(B1, "1-1")))
        await gate.reached.wait()
        await stage.execute(CancelBooking(booking_id=B1, reason="ill", cancelled_by="operator"))
        gate.opened.set()
        await placing
        await ended(client)


@path
async def cancelled_by_request_cancellation(stage: Stage, client: Client) -> None:
    async with worker(client, stage.settings, stage.parts):
        await stage.process.place(place(B1, "1-1"))
        await booking_handle(client, B1).cancel()
        await ended(client)


@path
async def cancelled_by_request_cancellation_while_reserving(stage: Stage, client: Client) -> None:
    async with gated(stage, client, before="reserve") as gate:
        placing = asyncio.create_task(stage.process.place(place(B1, "1-1")))
        await gate.reached.wait()
        await booking_handle(client, B1).cancel()
        await placing
        await ended(client)


@path
async def confirmation_timed_out(stage: Stage, client: Client) -> None:
    settings = stage.changed(confirmation_timeout_seconds=0.5)
    async with gated(stage, client, before="reserve", settings=settings):
        await stage.process.place(place(B1, "1-1"))
        await ended(client)


async def ended(client: Client) -> None:
    await booking_handle(client, B1).result()


async def until_an_activity_is_scheduled(process: WorkflowHandle[Any, Any]) -> None:
    async for event in process.fetch_history_events(wait_new_event=True):
        if event.HasField("activity_task_scheduled_event_attributes"):
            return


async def with_short_hold(stage: Stage) -> Settings:
    """A concert whose bookings soon expire, and the settings for a reminder before that."""
    await stage.parts.reservations.add_concert(concert(SHORT, PRICE, SHORT_HOLD))
    return stage.changed(reminder_before_seconds=SHORT_HOLD.total_seconds() / 2)
