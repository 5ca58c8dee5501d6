"""Calls to the reservation service; both are safe to repeat."""

from temporalio import activity

from activities.errors import defects_are_final
from ticketing.ids import BookingId, ConcertId
from ticketing.reservations.api import ReleaseAnswer, ReservationAnswer, ReservationService
from ticketing.seats import Seat
from ticketing.value import Value


class ReserveSeats(Value):
    booking_id: BookingId
    attempt: int
    concert_id: ConcertId
    seats: tuple[Seat, ...]


class ReleaseSeats(Value):
    booking_id: BookingId
    attempt: int


class ReservationActivities:
    def __init__(self, reservations: ReservationService) -> None:
        self._reservations = reservations

    @activity.defn
    async def reserve_seats(self, request: ReserveSeats) -> ReservationAnswer:
        with defects_are_final():
            return await self._reservations.reserve(
                request.booking_id, request.attempt, request.concert_id, request.seats
            )

    @activity.defn
    async def release_seats(self, request: ReleaseSeats) -> ReleaseAnswer:
        return await self._reservations.release(request.booking_id, request.attempt)
