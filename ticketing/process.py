"""What clients ask of the business process, and its answers.

The workflows and the choreography both offer it; tests/scenarios run on either.
"""

import secrets
import time
from typing import Literal, Protocol
from uuid import UUID

from pydantic import AwareDatetime

from eventstore.errors import TransientError
from ticketing.booking.commands import PlaceBooking
from ticketing.booking.events import BookingStatus
from ticketing.booking.rejections import BookingRejection
from ticketing.ids import BookingId, PaymentId
from ticketing.money import Money
from ticketing.payment.commands import ReportPayment
from ticketing.payment.events import RefundReason
from ticketing.seats import Ticket
from ticketing.value import Value


class PlaceAnswer(Value):
    """What was decided about a request to book; `rejection` says why a request was refused."""

    booking_id: BookingId
    status: BookingStatus | Literal["rejected"]
    total: Money | None = None
    tickets: tuple[Ticket, ...] = ()
    expires_at: AwareDatetime | None = None
    reason: str | None = None
    rejection: BookingRejection | None = None


class CancelAnswer(Value):
    """How the booking ended; it is `settled` if a payment was faster than the cancellation."""

    status: BookingStatus | Literal["rejected", "not_found"]
    reason: str | None = None


class PaymentOutcome(Value):
    """What became of a payment; it is `rejected` if the provider does not have the money."""

    payment_id: PaymentId
    status: Literal["applied", "refunded", "rejected"]
    refund_reason: RefundReason | None = None
    reinstated: bool = False
    reason: str | None = None  # why it is rejected


class NoAnswerError(TransientError):
    """The process accepted the request and continues, but did not answer in time."""


class BookingProcess(Protocol):
    """The business process as its clients see it; every call may raise `NoAnswerError`."""

    async def place(self, request: PlaceBooking) -> PlaceAnswer:
        """Place a booking and wait for the decision; a repeated request gets the same answer."""
        ...

    async def pay(self, payment: ReportPayment) -> PaymentOutcome:
        """Report a payment and wait until it is applied, refunded or refused."""
        ...

    async def cancel(self, booking_id: BookingId, reason: str) -> CancelAnswer:
        """Cancel a booking and wait for its end."""
        ...


def new_id() -> str:
    """Return a UUIDv7 (RFC 9562, 5.7): nobody can guess it, and it sorts by its time."""
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64
    return str(UUID(int=value | 0b10 << 62 | secrets.randbits(62)))
