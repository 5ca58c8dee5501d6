"""Bookings past their deadline are expired, found by asking the view every so often."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TypeVar

import structlog

from choreography.services import Services
from ticketing.booking.commands import ExpireBooking
from ticketing.ids import BookingId, booking_stream, command_id

PROCESS = "BookingExpirationProcess"
SWEEP_MAX = 500  # of one kind at a time: the rest is found by the next look
AT_ONCE = 4  # commands of a sweep under way together: all five sweeps find room in the pool

AFTER_A_FULL_PAGE = timedelta(seconds=1)  # more may be waiting; or it is the same once more

T = TypeVar("T")
Sweep = Callable[[], Awaitable[int]]  # how many were found

_log = structlog.get_logger()


async def expire(booking_id: BookingId, by: Services) -> None:
    """Ask the entity, which decides: paid meanwhile, it says so; too early, the next sweep asks."""
    await by.bookings.execute(
        ExpireBooking(booking_id=booking_id),
        command_id=command_id(f"{PROCESS}/{booking_stream(booking_id)}", "expire"),
        metadata={"process": PROCESS},
    )


async def sweep(
    find: Callable[[], Awaitable[Sequence[T]]], handle: Callable[[T], Awaitable[None]]
) -> int:
    """Handle everything that is found; a failure of one stops no other. How many were found."""
    found = await find()
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> None:
        async with gate:
            try:
                await handle(item)
            except Exception:  # noqa: BLE001  # whatever it is, the next sweep tries again
                _log.exception("not handled in this sweep", item=str(item))

    async with asyncio.TaskGroup() as group:
        for item in found:
            group.create_task(one(item))
    return len(found)


async def run_sweeps(sweeps: Sequence[Sweep], frequency: timedelta) -> None:
    """Sweep until cancelled; one that is slow or fails holds up no other."""
    async with asyncio.TaskGroup() as group:
        for sweep in sweeps:
            group.create_task(every(frequency, sweep, page=SWEEP_MAX))


async def every(frequency: timedelta, what: Sweep, *, page: int) -> None:
    """Sweep again and again until cancelled; a failure is logged, and waits for the next time.

    One that found as many as fit on its page is followed by the next at once, or nearly so.
    """
    while True:
        found = 0
        try:
            found = await what()
        except Exception:  # noqa: BLE001  # the database may be away for a while
            _log.exception("sweep failed")
        pause = frequency if found < page else min(frequency, AFTER_A_FULL_PAGE)
        await asyncio.sleep(pause.total_seconds())
