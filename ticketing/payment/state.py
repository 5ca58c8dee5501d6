"""What a payment is, folded from its events."""

from dataclasses import dataclass, replace
from typing import Literal, assert_never

from ticketing.errors import ImpossibleTransition
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
    status: PaymentStatus
    received: PaymentReceived
    refund_reason: RefundReason | None = None
    refund_ref: str | None = None


def evolve(payment: Payment | None, event: PaymentEvent) -> Payment:
    """The payment after the event.

    Raises:
        ImpossibleTransition: the event cannot follow the state before it.
    """
    match event:
        case PaymentReceived() if payment is None:
            return Payment(status="received", received=event)
        case PaymentApplied() if payment and payment.status == "received":
            return replace(payment, status="applied")
        case PaymentRefundRequested() if payment and payment.status == "received":
            return replace(payment, status="refund_requested", refund_reason=event.reason)
        case PaymentRefunded() if payment and payment.status == "refund_requested":
            return replace(payment, status="refunded", refund_ref=event.refund_ref)
        case PaymentReceived() | PaymentApplied() | PaymentRefundRequested() | PaymentRefunded():
            before = payment.status if payment else "no payment"
            raise ImpossibleTransition(f"{event.type} cannot follow {before}")
    assert_never(event)
