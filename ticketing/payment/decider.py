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
    RefusePayment,
    ReportPayment,
    RequestRefund,
)
from ticketing.payment.events import (
    PaymentApplied,
    PaymentEvent,
    PaymentReceived,
    PaymentRefunded,
    PaymentRefundRequested,
    PaymentRefused,
    PaymentReported,
)
from ticketing.payment.rejections import (
    PaymentAlreadyReceived,
    PaymentIsApplied,
    PaymentIsForAnotherBooking,
    PaymentIsNotBeingRefunded,
    PaymentIsNotReceived,
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
    match command:
        case ReportPayment():
            return _report(command, payment)
        case RefusePayment():
            return _refuse(command, payment)
        case ReceivePayment():
            return _receive(command, payment)
        case _ if payment is None:
            return PaymentNotFound()
        case ApplyPayment():
            return _apply(command, payment)
        case RequestRefund():
            return _request_refund(command, payment)
        case RecordRefund():
            return _record_refund(command, payment)
    assert_never(command)


def _report(command: ReportPayment, payment: Payment | None) -> Decision:
    if payment is None or payment.status == "refused":  # perhaps the provider has it by now
        return [PaymentReported(booking_id=command.booking_id)]
    return NOTHING


def _refuse(command: RefusePayment, payment: Payment | None) -> Decision:
    refused = PaymentRefused(booking_id=command.booking_id, reason=command.reason)
    if payment is None:
        return [refused]
    match payment.status:
        case "reported" | "received":
            return [refused]
        case "refused":
            return NOTHING
        case "applied":
            return PaymentIsApplied()
        case "refund_requested" | "refunded":
            return _refund_state(payment)
    assert_never(payment.status)


def _receive(command: ReceivePayment, payment: Payment | None) -> Decision:
    received = PaymentReceived(**command.model_dump(exclude={"payment_id"}))
    if payment is None or payment.capture is None:
        return [received]
    told = evolve(None, received)
    same = (told.booking_id, told.capture) == (payment.booking_id, payment.capture)
    return NOTHING if same else PaymentAlreadyReceived()


def _apply(command: ApplyPayment, payment: Payment) -> Decision:
    if command.booking_id != payment.booking_id:
        return PaymentIsForAnotherBooking(booking_id=payment.booking_id)
    match payment.status:
        case "reported" | "refused":
            return PaymentIsNotReceived()
        case "received":
            return [PaymentApplied(booking_id=command.booking_id)]
        case "applied":
            return NOTHING
        case "refund_requested" | "refunded":
            return _refund_state(payment)
    assert_never(payment.status)


def _request_refund(command: RequestRefund, payment: Payment) -> Decision:
    match payment.status:
        case "reported" | "refused":
            return PaymentIsNotReceived()
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
        case "reported" | "refused":
            return PaymentIsNotReceived()
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
