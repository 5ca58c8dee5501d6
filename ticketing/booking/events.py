"""What can happen to a booking.

The log stores the names of events and fields: they are never renamed, and new fields are optional.
"""

from typing import Literal

from pydantic import AwareDatetime

from ticketing.ids import ClientId, ConcertId, PaymentId
from ticketing.money import Money
from ticketing.seats import Seat, Ticket
from ticketing.value import Value

BookingStatus = Literal[
    "awaiting_confirmation", "confirmed", "denied", "cancelled", "expired", "settled"
]
CancelledBy = Literal["client", "operator"]


class BookingPlaced(Value):
    type: Literal["BookingPlaced"] = "BookingPlaced"
    client_id: ClientId
    concert_id: ConcertId
    seats: tuple[Seat, ...]


class BookingConfirmed(Value):
    """The seats are reserved and priced; a booking without a deadline never expires."""

    type: Literal["BookingConfirmed"] = "BookingConfirmed"
    tickets: tuple[Ticket, ...]
    total: Money
    expires_at: AwareDatetime | None


class BookingDenied(Value):
    type: Literal["BookingDenied"] = "BookingDenied"
    reason: str


class BookingCancelled(Value):
    type: Literal["BookingCancelled"] = "BookingCancelled"
    reason: str
    cancelled_by: CancelledBy


class BookingExpired(Value):
    type: Literal["BookingExpired"] = "BookingExpired"


class BookingPaid(Value):
    type: Literal["BookingPaid"] = "BookingPaid"
    payment_id: PaymentId
    amount: Money


class BookingSettled(Value):
    """The client owes nothing any more: the tickets are bought."""

    type: Literal["BookingSettled"] = "BookingSettled"


class BookingReinstated(Value):
    """An expired booking got its seats back for a late payment."""

    type: Literal["BookingReinstated"] = "BookingReinstated"
    tickets: tuple[Ticket, ...]


BookingEvent = (
    BookingPlaced
    | BookingConfirmed
    | BookingDenied
    | BookingCancelled
    | BookingExpired
    | BookingPaid
    | BookingSettled
    | BookingReinstated
)
