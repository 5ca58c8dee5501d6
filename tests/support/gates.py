"""Stops one step of a process, so that a test can do something in between."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, cast
from uuid import UUID

from temporalio.client import Client

from entrypoints.settings import Settings
from entrypoints.temporal import worker
from entrypoints.wiring import BoxOffice
from eventstore.api import Metadata
from eventstore.slices import StreamId
from tests.support.stage import Stage
from ticketing.booking.commands import BookingCommand
from ticketing.booking.events import BookingEvent
from ticketing.booking.rejections import BookingRejection
from ticketing.booking.state import Booking
from ticketing.command_handler import Accepted, BookingHandler
from ticketing.ids import BookingId, ConcertId
from ticketing.reservations import api
from ticketing.reservations.postgres import PostgresReservations
from ticketing.seats import Seat

Step: TypeAlias = Literal["reserve", "release"] | type[BookingCommand]


@dataclass
class Gate:
    before: Step
    booking_id: str
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def stop(self, step: Step, booking_id: BookingId) -> None:
        if (step, booking_id) == (self.before, self.booking_id):
            self.reached.set()
            await self.opened.wait()


# What is done before a step; an answer of a booking to its command is taken for the entity's.
Before: TypeAlias = Callable[[Step, BookingId], Awaitable[BookingRejection | None]]


@dataclass
class _Reservations:
    service: api.ReservationService
    before: Before

    async def reserve(
        self, booking_id: BookingId, attempt: int, concert_id: ConcertId, seats: tuple[Seat, ...]
    ) -> api.Reserved | api.Refusal:
        await self.before("reserve", booking_id)
        return await self.service.reserve(booking_id, attempt, concert_id, seats)

    async def release(
        self, booking_id: BookingId, attempt: int
    ) -> api.Released | api.NothingToRelease:
        await self.before("release", booking_id)
        return await self.service.release(booking_id, attempt)


@dataclass
class _Bookings:
    handler: BookingHandler
    before: Before

    async def execute(
        self, command: BookingCommand, *, command_id: UUID, metadata: Metadata
    ) -> Accepted[Booking | None, BookingEvent] | BookingRejection:
        answer = await self.before(type(command), command.booking_id)
        if answer is not None:
            return answer
        return await self.handler.execute(command, command_id=command_id, metadata=metadata)

    async def read(self, stream: StreamId) -> Booking | None:
        return await self.handler.read(stream)


def with_before(parts: BoxOffice, before: Before) -> BoxOffice:
    return replace(
        parts,
        bookings=cast(BookingHandler, _Bookings(parts.bookings, before)),
        reservations=cast(PostgresReservations, _Reservations(parts.reservations, before)),
    )


@asynccontextmanager
async def gated(
    stage: Stage,
    client: Client,
    *,
    before: Step,
    booking_id: str = "b1",
    settings: Settings | None = None,
) -> AsyncIterator[Gate]:
    gate = Gate(before, booking_id)
    async with worker(client, settings or stage.settings, with_before(stage.parts, gate.stop)):
        try:
            yield gate
        finally:
            gate.opened.set()
