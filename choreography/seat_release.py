"""A booking that ended without being settled gives its seats back."""

from choreography.services import Services
from ticketing.booking.events import (
    BookingCancelled,
    BookingDenied,
    BookingEvent,
    BookingExpired,
)
from ticketing.ids import FIRST_ATTEMPT, BookingId

ENDS = (BookingExpired, BookingCancelled, BookingDenied)


async def release_seats(booking_id: BookingId, _: BookingEvent, by: Services) -> None:
    """Release the seats; a reservation that is still on its way meets the tombstone."""
    await by.reservations.release(booking_id, FIRST_ATTEMPT)
