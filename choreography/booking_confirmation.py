"""A placed booking is confirmed or denied: the first step of the business, as a reaction."""

from choreography.services import Services
from ticketing.booking.commands import ConfirmBooking, DenyBooking
from ticketing.booking.events import BookingEvent, BookingPlaced
from ticketing.booking.rejections import final_status_in
from ticketing.booking.state import WITHOUT_SEATS
from ticketing.command_handler import Accepted
from ticketing.ids import FIRST_ATTEMPT, BookingId, booking_stream, command_id
from ticketing.reservations.api import Reserved, denial_reason

PROCESS = "BookingConfirmationProcess"


async def confirm_or_deny(booking_id: BookingId, placed: BookingEvent, by: Services) -> None:
    """Reserve the seats, then say so; give them back if the booking ended meanwhile."""
    assert isinstance(placed, BookingPlaced)
    answer = await by.reservations.reserve(
        booking_id, FIRST_ATTEMPT, placed.concert_id, placed.seats
    )
    command = (
        ConfirmBooking(booking_id=booking_id, tickets=answer.tickets, expires_at=answer.expires_at)
        if isinstance(answer, Reserved)
        else DenyBooking(booking_id=booking_id, reason=denial_reason(answer))
    )
    step = command_id(f"{PROCESS}/{booking_stream(booking_id)}", "decide")
    decided = await by.bookings.execute(command, command_id=step, metadata={"process": PROCESS})
    ended = not isinstance(decided, Accepted) and final_status_in(decided) in WITHOUT_SEATS
    if ended and isinstance(answer, Reserved):
        await by.reservations.release(booking_id, FIRST_ATTEMPT)


async def deny_unconfirmed(booking_id: BookingId, by: Services) -> None:
    """The reservation service did not answer in time; its seats are released by the denial."""
    step = command_id(f"{PROCESS}/{booking_stream(booking_id)}", "give up")
    await by.bookings.execute(
        DenyBooking(booking_id=booking_id, reason="reservation_timed_out"),
        command_id=step,
        metadata={"process": PROCESS},
    )
