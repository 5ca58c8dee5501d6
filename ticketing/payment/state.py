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
    RefundReason,
)

PaymentStatus = Literal["received", "applied", "refund_requested", "refunded"]


@dataclass(frozen=True, slots=True)
class Payment:
    """The money as the provider captured it, and what became of it."""

    status: PaymentStatus
    booking_id: BookingId
    payer: str
    amount: Money
    provider: str
    provider_ref: str
    captured_at: datetime
    refund_reason: RefundReason | None = None
    refund_ref: str | None = None


def evolve(payment: Payment | None, event: PaymentEvent) -> Payment:
    """Return the payment after the event.

    Raises:
        ImpossibleTransition: the event cannot follow the state before it.
    """
    status = status_after(payment.status if payment else None, event)
    if isinstance(event, PaymentReceived):
        return Payment(
            status=status,
            booking_id=event.booking_id,
            payer=event.payer,
            amount=event.amount,
            provider=event.provider,
            provider_ref=event.provider_ref,
            captured_at=event.captured_at,
        )
    assert payment is not None  # only PaymentReceived follows no payment
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
        case None, PaymentReceived():
            return "received"
        case "received", PaymentApplied():
            return "applied"
        case "received", PaymentRefundRequested():
            return "refund_requested"
        case "refund_requested", PaymentRefunded():
            return "refunded"
        case _:
            raise ImpossibleTransition(f"{event.type} cannot follow {status or 'no payment'}")
