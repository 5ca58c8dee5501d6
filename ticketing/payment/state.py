"""What a payment is, folded from its events."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, assert_never

from ticketing.errors import ImpossibleTransition
from ticketing.ids import BookingId
from ticketing.money import Money
from ticketing.payment.events import (
    PaymentApplied,
    PaymentEvent,
    PaymentReceived,
    PaymentRefunded,
    PaymentRefundRequested,
    PaymentRefused,
    PaymentReported,
    RefundReason,
    RefusalReason,
)

PaymentStatus = Literal[
    "reported", "refused", "received", "applied", "refund_requested", "refunded"
]


@dataclass(frozen=True, slots=True)
class Capture:
    """The money as the provider captured it."""

    payer: str
    amount: Money
    provider: str
    provider_ref: str
    captured_at: datetime


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment and what became of it; without a capture, it is only what somebody says."""

    status: PaymentStatus
    booking_id: BookingId
    capture: Capture | None = None
    refusal: RefusalReason | None = None
    refund_reason: RefundReason | None = None
    refund_ref: str | None = None


def evolve(payment: Payment | None, event: PaymentEvent) -> Payment:
    """Return the payment after the event.

    Raises:
        ImpossibleTransition: the event cannot follow the state before it.
    """
    status = status_after(payment.status if payment else None, event)
    match event:
        case PaymentReported():
            return Payment(status, event.booking_id)
        case PaymentRefused():
            return Payment(status, event.booking_id, refusal=event.reason)
        case PaymentReceived():
            capture = Capture(
                payer=event.payer,
                amount=event.amount,
                provider=event.provider,
                provider_ref=event.provider_ref,
                captured_at=event.captured_at,
            )
            return Payment(status, event.booking_id, capture)
        case _:
            assert payment is not None  # the others follow a PaymentReceived
            return _used(payment, status, event)


def _used(
    payment: Payment,
    status: PaymentStatus,
    event: PaymentApplied | PaymentRefundRequested | PaymentRefunded,
) -> Payment:
    match event:
        case PaymentApplied():
            return replace(payment, status=status)
        case PaymentRefundRequested():
            return replace(payment, status=status, refund_reason=event.reason)
        case PaymentRefunded():
            return replace(payment, status=status, refund_ref=event.refund_ref)
    assert_never(event)


def status_after(status: PaymentStatus | None, event: PaymentEvent) -> PaymentStatus:
    """Return the status after the event; `status` is None before the first one.

    Raises:
        ImpossibleTransition: the event cannot follow the status.
    """
    match status, event:
        case None | "refused", PaymentReported():
            return "reported"
        case None | "reported" | "received", PaymentRefused():
            return "refused"
        case None | "reported" | "refused", PaymentReceived():
            return "received"
        case "received", PaymentApplied():
            return "applied"
        case "received", PaymentRefundRequested():
            return "refund_requested"
        case "refund_requested", PaymentRefunded():
            return "refunded"
        case _:
            raise ImpossibleTransition(f"{event.type} cannot follow {status or 'no payment'}")
