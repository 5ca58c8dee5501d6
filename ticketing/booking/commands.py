"""What a booking can be asked to do.

A new field needs a default, because workflow histories hold commands without it.
"""

from pydantic import AwareDatetime

from ticketing.booking.events import CancelledBy
from ticketing.ids import BookingId, ClientId, ConcertId, PaymentId
from ticketing.money import Money
from ticketing.seats import Seat, Ticket
from ticketing.value import Value


class PlaceBooking(Value):
    booking_id: BookingId
    client_id: ClientId
    concert_id: ConcertId
    seats: tuple[Seat, ...]


class ConfirmBooking(Value):
    booking_id: BookingId
    tickets: tuple[Ticket, ...]
    expires_at: AwareDatetime | None


class DenyBooking(Value):
    booking_id: BookingId
    reason: str


class CancelBooking(Value):
    booking_id: BookingId
    reason: str
    cancelled_by: CancelledBy


class PayBooking(Value):
    booking_id: BookingId
    payment_id: PaymentId
    amount: Money


class ExpireBooking(Value):
    booking_id: BookingId


class ReinstateBooking(Value):
    booking_id: BookingId
    payment_id: PaymentId
    amount: Money
    tickets: tuple[Ticket, ...]


BookingCommand = (
    PlaceBooking
    | ConfirmBooking
    | DenyBooking
    | CancelBooking
    | PayBooking
    | ExpireBooking
    | ReinstateBooking
)
