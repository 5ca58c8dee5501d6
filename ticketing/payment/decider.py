"""Every rule of a payment, stated once: it is applied to one booking or refunded, never both."""

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from ticketing.decider import Decider
from ticketing.payment.commands import (
    ApplyPayment,
    PaymentCommand,
    ReceivePayment,
    RecordRefund,
    RequestRefund,
)
from ticketing.payment.events import (
    PaymentApplied,
    PaymentEvent,
    PaymentReceived,
    PaymentRefunded,
    PaymentRefundRequested,
)
from ticketing.payment.rejections import (
    PaymentAlreadyReceived,
    PaymentIsApplied,
    PaymentIsForAnotherBooking,
    PaymentIsNotBeingRefunded,
    PaymentIsRefunded,
    PaymentNotFound,
    PaymentRefundIsRequested,
    PaymentRejection,
)
from ticketing.payment.state import Payment, evolve

NOTHING: tuple[PaymentEvent, ...] = ()  # the command is accepted and changes nothing

Decision = Sequence[PaymentEvent] | PaymentRejection


def decide(command: PaymentCommand, payment: Payment | None, _now: datetime) -> Decision:
    """Return the events that follow from the command, or why the payment rejects it.

    A payment has no deadline, so its rules need no clock.
    """
    if isinstance(command, ReceivePayment):
        return _receive(command, payment)
    if payment is None:
        return PaymentNotFound()
    match command:
        case ApplyPayment():
            return _apply(command, payment)
        case RequestRefund():
            return _request_refund(command, payment)
        case RecordRefund():
            return _record_refund(command, payment)
    assert_never(command)


def _receive(command: ReceivePayment, payment: Payment | None) -> Decision:
    if payment is None:
        return [PaymentReceived(**command.model_dump(exclude={"payment_id"}))]
    return NOTHING if _content(payment) == _content(command) else PaymentAlreadyReceived()


def _content(money: ReceivePayment | Payment) -> tuple[object, ...]:
    return (
        money.booking_id,
        money.payer,
        money.amount,
        money.provider,
        money.provider_ref,
        money.captured_at,
    )


def _apply(command: ApplyPayment, payment: Payment) -> Decision:
    if command.booking_id != payment.booking_id:
        return PaymentIsForAnotherBooking(booking_id=payment.booking_id)
    match payment.status:
        case "received":
            return [PaymentApplied(booking_id=command.booking_id)]
        case "applied":
            return NOTHING
        case "refund_requested" | "refunded":
            return _refund_state(payment)
    assert_never(payment.status)


def _request_refund(command: RequestRefund, payment: Payment) -> Decision:
    match payment.status:
        case "received":
            return [PaymentRefundRequested(reason=command.reason)]
        case "applied":
            return PaymentIsApplied()
        case "refund_requested" | "refunded" if payment.refund_reason == command.reason:
            return NOTHING
        case "refund_requested" | "refunded":
            return _refund_state(payment)
    assert_never(payment.status)


def _record_refund(command: RecordRefund, payment: Payment) -> Decision:
    match payment.status:
        case "received":
            return PaymentIsNotBeingRefunded()
        case "applied":
            return PaymentIsApplied()
        case "refund_requested":
            return [PaymentRefunded(refund_ref=command.refund_ref)]
        case "refunded" if payment.refund_ref == command.refund_ref:
            return NOTHING
        case "refunded":
            return _refund_state(payment)
    assert_never(payment.status)


def _refund_state(payment: Payment) -> PaymentRefundIsRequested | PaymentIsRefunded:
    if payment.refund_ref is not None:
        return PaymentIsRefunded(refund_ref=payment.refund_ref)
    assert payment.refund_reason is not None
    return PaymentRefundIsRequested(reason=payment.refund_reason)


PAYMENT: Decider[PaymentCommand, Payment | None, PaymentEvent, PaymentRejection] = Decider(
    initial=None, decide=decide, evolve=evolve
)
