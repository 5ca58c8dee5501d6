"""Every rule of a booking, stated once: one function per command, one line per status."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from ticketing.booking.commands import (
    BookingCommand,
    CancelBooking,
    ConfirmBooking,
    DenyBooking,
    ExpireBooking,
    PayBooking,
    PlaceBooking,
    ReinstateBooking,
)
from ticketing.booking.events import (
    BookingCancelled,
    BookingConfirmed,
    BookingDenied,
    BookingEvent,
    BookingExpired,
    BookingPaid,
    BookingPlaced,
    BookingReinstated,
    BookingSettled,
)
from ticketing.booking.rejections import (
    BookingAlreadyExists,
    BookingIsAlreadyConfirmed,
    BookingIsAlreadySettled,
    BookingIsCancelled,
    BookingIsDenied,
    BookingIsExpired,
    BookingIsNotConfirmed,
    BookingIsNotExpired,
    BookingNeverExpires,
    BookingNotFound,
    BookingRejection,
    DuplicateSeats,
    NoSeatsRequested,
    PaymentAmountMismatch,
    TicketsDoNotMatchSeats,
    TooEarlyToExpire,
    TooManySeats,
)
from ticketing.booking.state import Booking, evolve
from ticketing.decider import Decider
from ticketing.money import total_of
from ticketing.seats import Ticket

SEATS_PER_BOOKING_MAX = 10  # the hall sells no larger group
NOTHING: tuple[BookingEvent, ...] = ()  # the command is accepted and changes nothing

Decision = Sequence[BookingEvent] | BookingRejection


def decide(command: BookingCommand, booking: Booking | None, now: datetime) -> Decision:
    """Return the events that follow from the command, or why the booking rejects it.

    `now` is the database's clock.
    """
    if isinstance(command, PlaceBooking):
        return _place(command, booking)
    if booking is None:
        return BookingNotFound()
    match command:
        case ConfirmBooking():
            return _confirm(command, booking)
        case DenyBooking():
            return _deny(command, booking)
        case CancelBooking():
            return _cancel(command, booking)
        case PayBooking():
            return _pay(command, booking)
        case ExpireBooking():
            return _expire(booking, now)
        case ReinstateBooking():
            return _reinstate(command, booking)
    assert_never(command)


def _place(command: PlaceBooking, booking: Booking | None) -> Decision:
    if booking is not None:
        asked = (booking.client_id, booking.concert_id, sorted(booking.seats))
        same = asked == (command.client_id, command.concert_id, sorted(command.seats))
        return NOTHING if same else BookingAlreadyExists()
    if not command.seats:
        return NoSeatsRequested()
    if twice := sorted(seat for seat, count in Counter(command.seats).items() if count > 1):
        return DuplicateSeats(seats=tuple(twice))
    if len(command.seats) > SEATS_PER_BOOKING_MAX:
        return TooManySeats(limit=SEATS_PER_BOOKING_MAX)
    return [
        BookingPlaced(
            client_id=command.client_id, concert_id=command.concert_id, seats=command.seats
        )
    ]


def _confirm(command: ConfirmBooking, booking: Booking) -> Decision:
    asked = (_by_seat(command.tickets), command.expires_at)
    same = asked == (booking.tickets, booking.expires_at)
    match booking.status:
        case "awaiting_confirmation":
            return _confirmation(command, booking)
        case "confirmed":
            return NOTHING if same else BookingIsAlreadyConfirmed()
        case "denied":
            return BookingIsDenied()
        case "cancelled":
            return BookingIsCancelled()
        case "expired":
            return BookingIsExpired()
        case "settled":
            return NOTHING if same else _already_settled(booking)
    assert_never(booking.status)


def _confirmation(command: ConfirmBooking, booking: Booking) -> Decision:
    if not _tickets_match(command.tickets, booking):
        return TicketsDoNotMatchSeats()
    total = total_of(ticket.price for ticket in command.tickets)
    confirmed = BookingConfirmed(
        tickets=_by_seat(command.tickets), total=total, expires_at=command.expires_at
    )
    return [confirmed] if total.amount_minor else [confirmed, BookingSettled()]


def _deny(command: DenyBooking, booking: Booking) -> Decision:
    match booking.status:
        case "awaiting_confirmation":
            return [BookingDenied(reason=command.reason)]
        case "confirmed":
            return BookingIsAlreadyConfirmed()
        case "denied":
            return NOTHING
        case "cancelled":
            return BookingIsCancelled()
        case "expired":
            return BookingIsExpired()
        case "settled":
            return _already_settled(booking)
    assert_never(booking.status)


def _cancel(command: CancelBooking, booking: Booking) -> Decision:
    match booking.status:
        case "awaiting_confirmation" | "confirmed":
            return [BookingCancelled(reason=command.reason, cancelled_by=command.cancelled_by)]
        case "denied" | "cancelled" | "expired":
            return NOTHING
        case "settled":
            return _already_settled(booking)
    assert_never(booking.status)


def _pay(command: PayBooking, booking: Booking) -> Decision:
    match booking.status:
        case "awaiting_confirmation":
            return BookingIsNotConfirmed()
        case "confirmed":
            return amount_mismatch(booking, command) or [
                BookingPaid(payment_id=command.payment_id, amount=command.amount),
                BookingSettled(),
            ]
        case "denied":
            return BookingIsDenied()
        case "cancelled":
            return BookingIsCancelled()
        case "expired":
            return BookingIsExpired()
        case "settled" if booking.payment_id == command.payment_id:
            return NOTHING
        case "settled":
            return _already_settled(booking)
    assert_never(booking.status)


def _expire(booking: Booking, now: datetime) -> Decision:
    match booking.status:
        case "awaiting_confirmation":
            return BookingIsNotConfirmed()
        case "confirmed":
            return _expiry(booking.expires_at, now)
        case "denied" | "cancelled" | "expired":
            return NOTHING
        case "settled":
            return _already_settled(booking)
    assert_never(booking.status)


def _expiry(expires_at: datetime | None, now: datetime) -> Decision:
    if expires_at is None:
        return BookingNeverExpires()
    if now < expires_at:  # the instant itself counts as expired
        return TooEarlyToExpire(expires_at=expires_at)
    return [BookingExpired()]


def _reinstate(command: ReinstateBooking, booking: Booking) -> Decision:
    match booking.status:
        case "awaiting_confirmation" | "confirmed":
            return BookingIsNotExpired()
        case "denied":
            return BookingIsDenied()
        case "cancelled":
            return BookingIsCancelled()
        case "expired":
            return _reinstatement(command, booking)
        case "settled" if booking.payment_id == command.payment_id:
            return NOTHING
        case "settled":
            return _already_settled(booking)
    assert_never(booking.status)


def _reinstatement(command: ReinstateBooking, booking: Booking) -> Decision:
    if not _tickets_match(command.tickets, booking):
        return TicketsDoNotMatchSeats()
    return amount_mismatch(booking, command) or [
        BookingReinstated(tickets=booking.tickets),  # the first prices, whatever they are now
        BookingPaid(payment_id=command.payment_id, amount=command.amount),
        BookingSettled(),
    ]


def amount_mismatch(
    booking: Booking, command: PayBooking | ReinstateBooking
) -> PaymentAmountMismatch | None:
    """Return why the amount cannot pay for the booking; None if it is the total."""
    if booking.total is None or command.amount == booking.total:
        return None
    return PaymentAmountMismatch(expected=booking.total, received=command.amount)


def _already_settled(booking: Booking) -> BookingIsAlreadySettled:
    return BookingIsAlreadySettled(payment_id=booking.payment_id)


def _tickets_match(tickets: Sequence[Ticket], booking: Booking) -> bool:
    one_currency = len({ticket.price.currency for ticket in tickets}) == 1
    return one_currency and sorted(ticket.seat for ticket in tickets) == sorted(booking.seats)


def _by_seat(tickets: Sequence[Ticket]) -> tuple[Ticket, ...]:
    return tuple(sorted(tickets, key=lambda ticket: ticket.seat))


BOOKING: Decider[BookingCommand, Booking | None, BookingEvent, BookingRejection] = Decider(
    initial=None, decide=decide, evolve=evolve
)
