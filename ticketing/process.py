"""What both twins offer to the doors: place, pay, cancel. tests/scenarios run on either."""

import secrets
import time
from datetime import timedelta
from typing import Literal, Protocol
from uuid import UUID

from pydantic import AwareDatetime

from ticketing.booking.commands import PlaceBooking
from ticketing.booking.rejections import BookingRejection
from ticketing.booking.state import BookingStatus
from ticketing.errors import TransientError
from ticketing.ids import BookingId, PaymentId
from ticketing.money import Money
from ticketing.payment.commands import ReceivePayment
from ticketing.payment.events import RefundReason
from ticketing.seats import Ticket
from ticketing.value import Value


class Decision(Value):
    """What became of a request, as soon as it is known. `rejection` says why it was refused."""

    booking_id: BookingId
    status: BookingStatus | Literal["rejected"]
    total: Money | None = None
    tickets: tuple[Ticket, ...] = ()
    expires_at: AwareDatetime | None = None
    reason: str | None = None
    rejection: BookingRejection | None = None


class CancelAnswer(Value):
    """How the booking ended: `settled` if a payment won the race."""

    status: BookingStatus | Literal["rejected", "not_found"]
    reason: str | None = None


class PaymentOutcome(Value):
    """What became of the money. `rejected`: the payment id is taken by another payment."""

    payment_id: PaymentId
    status: Literal["applied", "refunded", "rejected"]
    refund_reason: RefundReason | None = None
    reinstated: bool = False
    reason: str | None = None  # the rejection


class NoAnswerError(TransientError):
    """The process has the request and goes on, but nobody answered in time."""


LatePayment = Literal["reinstate", "refund"]


class ProcessTerms(Value):
    """The settings a process is run by; it keeps the ones it started with."""

    confirmation_timeout: timedelta
    reminder_before: timedelta  # before the deadline
    expiry_grace: timedelta  # after the deadline: a payment on its way may still arrive
    late_payment: LatePayment = "reinstate"  # what becomes of money for an expired booking


# Why the money goes back, by what the booking answers to it. One that is still not confirmed when
# the patience with it is over counts as denied to who has paid.
REFUND_REASONS: dict[str, RefundReason] = {
    "BookingIsExpired": "booking_expired",
    "BookingIsCancelled": "booking_cancelled",
    "BookingIsDenied": "booking_denied",
    "BookingIsNotConfirmed": "booking_denied",
    "BookingIsAlreadySettled": "already_settled",
    "PaymentAmountMismatch": "amount_mismatch",
    "BookingNotFound": "unknown_booking",
}
UNKNOWN_BOOKING_PATIENCE = timedelta(seconds=30)  # how much earlier than its booking money may be


def patience_with(answer: str, terms: ProcessTerms) -> timedelta:
    """How long money waits for another answer of its booking than this one."""
    match answer:
        case "BookingIsNotConfirmed":
            return terms.confirmation_timeout
        case "BookingNotFound":
            return UNKNOWN_BOOKING_PATIENCE
        case _:
            return timedelta(0)


class BookingProcess(Protocol):
    """The business process as its clients see it."""

    async def place(self, request: PlaceBooking) -> Decision:
        """Place a booking and wait for the decision. The same request again: the same answer."""
        ...

    async def pay(self, payment: ReceivePayment) -> PaymentOutcome:
        """Hand in money that arrived and wait for what became of it."""
        ...

    async def cancel(self, booking_id: BookingId, reason: str) -> CancelAnswer:
        """Cancel a booking and wait for its end."""
        ...


def new_id() -> str:
    """A UUIDv7 (RFC 9562, 5.7): unguessable, and sorted by the time it was made."""
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64
    return str(UUID(int=value | 0b10 << 62 | secrets.randbits(62)))
