"""What a booking is, folded from its events."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

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
    BookingStatus,
)
from ticketing.errors import ImpossibleTransition
from ticketing.ids import ClientId, ConcertId, PaymentId
from ticketing.money import Money
from ticketing.seats import Seat, Ticket

WITHOUT_SEATS: frozenset[BookingStatus] = frozenset({"denied", "cancelled", "expired"})


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking. `total` is the price of the tickets that were confirmed first.

    `reason` says why the booking was denied or cancelled.
    """

    status: BookingStatus
    client_id: ClientId
    concert_id: ConcertId
    seats: tuple[Seat, ...]
    tickets: tuple[Ticket, ...] = ()
    total: Money | None = None
    expires_at: datetime | None = None
    payment_id: PaymentId | None = None
    reason: str | None = None
    reinstated: bool = False  # it expired, and a late payment got its seats back


def evolve(booking: Booking | None, event: BookingEvent) -> Booking:
    """Return the booking after the event.

    Raises:
        ImpossibleTransition: the event cannot follow the state before it.
    """
    if isinstance(event, BookingPlaced):
        return _placed(booking, event)
    if booking is None or not _can_follow(booking, event):
        raise _impossible(booking, event)
    match event:
        case BookingConfirmed():
            return replace(
                booking,
                status="confirmed",
                tickets=event.tickets,
                total=event.total,
                expires_at=event.expires_at,
            )
        case BookingDenied():
            return replace(booking, status="denied", reason=event.reason)
        case BookingCancelled():
            return replace(booking, status="cancelled", reason=event.reason)
        case BookingExpired():
            return replace(booking, status="expired")
        case BookingReinstated():
            # The payment and the settlement follow in the same transaction.
            return replace(booking, status="confirmed", tickets=event.tickets, reinstated=True)
        case BookingPaid():
            return replace(booking, payment_id=event.payment_id)
        case BookingSettled():
            return replace(booking, status="settled")
    assert_never(event)


def _placed(booking: Booking | None, event: BookingPlaced) -> Booking:
    if booking is not None:
        raise _impossible(booking, event)
    return Booking(
        status="awaiting_confirmation",
        client_id=event.client_id,
        concert_id=event.concert_id,
        seats=event.seats,
    )


def _can_follow(booking: Booking, event: BookingEvent) -> bool:
    free = booking.total is not None and booking.total.amount_minor == 0
    if booking.status == "confirmed" and (free or booking.payment_id is not None):
        return isinstance(event, BookingSettled)  # nothing is owed, so nothing else may follow
    match event:
        case BookingConfirmed() | BookingDenied():
            return booking.status == "awaiting_confirmation"
        case BookingCancelled():
            return booking.status in ("awaiting_confirmation", "confirmed")
        case BookingExpired() | BookingPaid():
            return booking.status == "confirmed"
        case BookingReinstated():
            return booking.status == "expired"
        case BookingPlaced() | BookingSettled():  # the first event; see above
            return False
    assert_never(event)


def _impossible(booking: Booking | None, event: BookingEvent) -> ImpossibleTransition:
    before = booking.status if booking else "no booking"
    return ImpossibleTransition(f"{event.type} cannot follow {before}")
