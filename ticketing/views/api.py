"""What people see: tables that follow the log."""

from datetime import timedelta
from typing import Literal, Protocol

from pydantic import AwareDatetime

from ticketing.booking.events import BookingStatus
from ticketing.ids import BookingId, ClientId, ConcertId, PaymentId
from ticketing.money import Money
from ticketing.payment.events import RefundReason, RefusalReason
from ticketing.payment.state import PaymentStatus
from ticketing.seats import Seat, Ticket
from ticketing.value import Value

# The checkpoints of the views are kept under these names.
BOOKING_PROJECTION = "BookingViewProjection"
PAYMENT_PROJECTION = "PaymentViewProjection"


class BookingView(Value):
    """A row of `views.booking`; `version` is the stream's version that it reflects."""

    booking_id: BookingId
    client_id: ClientId
    concert_id: ConcertId
    seats: tuple[Seat, ...]
    tickets: tuple[Ticket, ...]
    total: Money | None
    status: BookingStatus
    reason: str | None
    placed_at: AwareDatetime
    confirmed_at: AwareDatetime | None
    expires_at: AwareDatetime | None
    settled_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    payment_id: PaymentId | None
    version: int


class PaymentView(Value):
    """A row of `views.payment`. A refund that is due and not made is `refund_requested`.

    Payer and amount are the provider's: without them, the payment is only reported or refused.
    """

    payment_id: PaymentId
    booking_id: BookingId
    payer: str | None = None
    amount: Money | None = None
    status: PaymentStatus
    refusal: RefusalReason | None = None
    refund_reason: RefundReason | None = None
    refund_ref: str | None = None
    received_at: AwareDatetime  # or reported, as long as it is not received
    ended_at: AwareDatetime | None
    version: int


class WaitingPayment(Value):
    """A payment that has not come to its end, and how long ago it was received."""

    payment_id: PaymentId
    waited: timedelta


SeatState = Literal["free", "held", "sold"]


class SeatMapEntry(Value):
    """A seat of a concert as an operator sees it."""

    seat: Seat
    price: Money
    state: SeatState
    booking_id: BookingId | None


class BookingViews(Protocol):
    """The queries of bookings for which something is due."""

    async def overdue(
        self, grace: timedelta = timedelta(0), *, limit: int
    ) -> tuple[BookingId, ...]:
        """Return the confirmed bookings past their deadline, by the database's clock."""
        ...

    async def unconfirmed(self, older_than: timedelta, *, limit: int) -> tuple[BookingId, ...]:
        """Return the bookings that wait for their confirmation for longer, oldest first."""
        ...

    async def to_remind(self, before: timedelta, *, limit: int) -> tuple[BookingId, ...]:
        """Return the unpaid bookings whose deadline is near, if their client was not reminded."""
        ...


class PaymentViews(Protocol):
    """The query of payments for which something is due."""

    async def under_way(self, status: PaymentStatus, *, limit: int) -> tuple[WaitingPayment, ...]:
        """Return the payments that wait in this status, oldest first."""
        ...
