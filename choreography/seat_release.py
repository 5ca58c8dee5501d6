"""A booking that ended without being settled gives its seats back."""

from ticketing.booking.events import (
    BookingCancelled,
    BookingDenied,
    BookingEvent,
    BookingExpired,
)
from ticketing.ids import FIRST_ATTEMPT, BookingId
from ticketing.reservations.api import ReservationService


async def release_seats(
    booking_id: BookingId, event: BookingEvent, *, reservations: ReservationService
) -> None:
    """Release on the three ends; a reservation still on its way meets the tombstone."""
    if isinstance(event, BookingExpired | BookingCancelled | BookingDenied):
        await reservations.release(booking_id, FIRST_ATTEMPT)
