"""What people see: tables that follow the log. Contract suite: tests/contract/views/."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal, Protocol

from pydantic import AwareDatetime

from ticketing.booking.events import BookingStatus
from ticketing.ids import BookingId, ClientId, ConcertId, PaymentId
from ticketing.money import Money
from ticketing.payment.events import RefundReason
from ticketing.payment.state import PaymentStatus
from ticketing.seats import Seat, Ticket
from ticketing.value import Value

# The names their checkpoints are kept under.
BOOKING_PROJECTION = "BookingViewProjection"
PAYMENT_PROJECTION = "PaymentViewProjection"


class BookingView(Value):
    """One row of `views.booking`; `version` is the stream's version it reflects."""

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
    """One row of `views.payment`. A refund that is due and not made is `refund_requested`."""

    payment_id: PaymentId
    booking_id: BookingId
    payer: str
    amount: Money
    status: PaymentStatus
    refund_reason: RefundReason | None
    refund_ref: str | None
    received_at: AwareDatetime
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
    """The queries. Lists are pages: newest first, `before` is the last id of the page before."""

    async def booking(self, booking_id: BookingId) -> BookingView | None:
        """One booking."""
        ...

    async def by_client(
        self, client_id: ClientId, *, limit: int, before: BookingId | None = None
    ) -> tuple[BookingView, ...]:
        """A client's bookings, newest first."""
        ...

    async def by_concert(
        self,
        concert_id: ConcertId,
        status: BookingStatus | None,
        *,
        limit: int,
        before: BookingId | None = None,
    ) -> tuple[BookingView, ...]:
        """A concert's bookings, in any status or in one, newest first."""
        ...

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

    async def seat_map(self, concert_id: ConcertId) -> tuple[SeatMapEntry, ...]:
        """Every seat of a concert, ordered: free, held or sold."""
        ...


class PaymentViews(Protocol):
    """The queries about payments."""

    async def of_bookings(self, booking_ids: Sequence[BookingId]) -> tuple[PaymentView, ...]:
        """Return the payments of some bookings: by booking, then by arrival."""
        ...

    async def under_way(self, status: PaymentStatus, *, limit: int) -> tuple[WaitingPayment, ...]:
        """Return the payments that wait in this status, oldest first."""
        ...
