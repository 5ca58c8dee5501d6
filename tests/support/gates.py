"""Stops one step of a process, so that a test can do something in between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, cast
from uuid import UUID

from temporalio.client import Client

from entrypoints.settings import Settings
from entrypoints.temporal import worker
from eventstore.api import Metadata
from eventstore.slices import StreamId
from tests.process.conftest import Stage
from ticketing.booking.commands import BookingCommand
from ticketing.booking.events import BookingEvent
from ticketing.booking.rejections import BookingRejection
from ticketing.booking.state import Booking
from ticketing.command_handler import Accepted, BookingHandler
from ticketing.ids import BookingId, ConcertId
from ticketing.reservations.api import (
    NothingToRelease,
    Refusal,
    Released,
    ReservationService,
    Reserved,
)
from ticketing.reservations.postgres import PostgresReservations
from ticketing.seats import Seat

Step: TypeAlias = Literal["reserve", "release"] | type[BookingCommand]


@dataclass
class Gate:
    """Holds up one step of one booking until it is opened."""

    before: Step
    booking_id: str
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def stop(self, step: Step, booking_id: BookingId) -> None:
        if (step, booking_id) == (self.before, self.booking_id):
            self.reached.set()
            await self.opened.wait()


@dataclass
class GatedReservations:
    """A reservation service behind a gate."""

    service: ReservationService
    gate: Gate

    async def reserve(
        self, booking_id: BookingId, attempt: int, concert_id: ConcertId, seats: tuple[Seat, ...]
    ) -> Reserved | Refusal:
        await self.gate.stop("reserve", booking_id)
        return await self.service.reserve(booking_id, attempt, concert_id, seats)

    async def release(self, booking_id: BookingId, attempt: int) -> Released | NothingToRelease:
        await self.gate.stop("release", booking_id)
        return await self.service.release(booking_id, attempt)


@dataclass
class GatedBookings:
    """A command handler behind a gate."""

    handler: BookingHandler
    gate: Gate

    async def execute(
        self, command: BookingCommand, *, command_id: UUID, metadata: Metadata
    ) -> Accepted[Booking | None, BookingEvent] | BookingRejection:
        await self.gate.stop(type(command), command.booking_id)
        return await self.handler.execute(command, command_id=command_id, metadata=metadata)

    async def read(self, stream: StreamId) -> Booking | None:
        return await self.handler.read(stream)


@asynccontextmanager
async def gated(
    stage: Stage,
    client: Client,
    *,
    before: Step,
    booking_id: str = "b1",
    settings: Settings | None = None,
) -> AsyncIterator[Gate]:
    """A worker that stops before one step of one booking."""
    gate = Gate(before, booking_id)
    parts = replace(
        stage.parts,
        bookings=cast(BookingHandler, GatedBookings(stage.parts.bookings, gate)),
        reservations=cast(PostgresReservations, GatedReservations(stage.parts.reservations, gate)),
    )
    async with worker(client, settings or stage.settings, parts):
        try:
            yield gate
        finally:
            gate.opened.set()
