"""The choreography's own consumers and sweeps, run by a test on services it has broken."""

import asyncio
from dataclasses import replace
from typing import cast

import asyncpg

from choreography import reactions
from entrypoints.processes import services
from entrypoints.settings import Settings
from entrypoints.wiring import BoxOffice, projections
from eventstore.consumer import Subscription
from tests.chaos.plans import CALM
from ticketing.booking.commands import CancelBooking, PlaceBooking
from ticketing.ids import BookingId, ClientId, ConcertId, booking_stream, command_id
from ticketing.reservations.api import NothingToRelease, Refusal, Released, Reserved
from ticketing.reservations.postgres import PostgresReservations
from ticketing.seats import Seat


class BrokenReservations:
    """A reservation service that trips over one booking until it is mended."""

    def __init__(self, service: PostgresReservations, trips_over: BookingId) -> None:
        self._service = service
        self._trips_over: BookingId | None = trips_over
        self.asked_at: list[float] = []

    def mend(self) -> None:
        self._trips_over = None

    async def reserve(
        self, booking_id: BookingId, attempt: int, concert_id: ConcertId, seats: tuple[Seat, ...]
    ) -> Reserved | Refusal:
        if booking_id == self._trips_over:
            self.asked_at.append(asyncio.get_running_loop().time())
            raise ValueError("this seat plan cannot be read")
        return await self._service.reserve(booking_id, attempt, concert_id, seats)

    async def release(self, booking_id: BookingId, attempt: int) -> Released | NothingToRelease:
        return await self._service.release(booking_id, attempt)


def on(parts: BoxOffice, reservations: BrokenReservations) -> BoxOffice:
    return replace(parts, reservations=cast(PostgresReservations, reservations))


def subscription(
    settings: Settings, parts: BoxOffice, name: str
) -> Subscription[asyncpg.Connection]:
    everybody = [*projections(parts), *reactions.subscriptions(services(settings, parts))]
    [found] = [consumer for consumer in everybody if consumer.name == name]
    return found


async def place(parts: BoxOffice, booking_id: BookingId, row: int) -> None:
    """A booking in the log, and nothing else."""
    request = PlaceBooking(
        booking_id=booking_id,
        client_id=ClientId("ann"),
        concert_id=CALM,
        seats=(Seat(row=row, number=1),),
    )
    step = command_id(booking_stream(booking_id), "place")
    await parts.bookings.execute(request, command_id=step, metadata={})


async def cancel(parts: BoxOffice, booking_id: BookingId) -> None:
    request = CancelBooking(booking_id=booking_id, reason="ill", cancelled_by="client")
    step = command_id(booking_stream(booking_id), "cancel")
    await parts.bookings.execute(request, command_id=step, metadata={})
