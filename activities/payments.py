"""Commands to the Payment entity: one activity per command, with ids as in `bookings.py`."""

from typing import Annotated, Literal

from pydantic import Field
from temporalio import activity

from activities.errors import defects_are_final
from eventstore.api import Metadata
from ticketing.command_handler import Accepted, PaymentHandler
from ticketing.ids import BookingId, command_id
from ticketing.money import Money
from ticketing.payment.commands import (
    ApplyPayment,
    PaymentCommand,
    RecordRefund,
    RefusePayment,
    ReportPayment,
    RequestRefund,
)
from ticketing.payment.events import RefundReason
from ticketing.payment.rejections import PaymentRejection
from ticketing.payment.state import PaymentStatus
from ticketing.receipts import Answer, NotAtProvider, Receipts
from ticketing.value import Value


class PaymentAccepted(Value):
    """The command was accepted; the payment as it is now."""

    type: Literal["PaymentAccepted"] = "PaymentAccepted"
    status: PaymentStatus
    refund_reason: RefundReason | None = None
    booking_id: BookingId | None = None  # histories hold answers without it and the amount
    amount: Money | None = None


PaymentAnswer = Annotated[
    PaymentAccepted | NotAtProvider | PaymentRejection, Field(discriminator="type")
]


class PaymentActivities:
    def __init__(self, payments: PaymentHandler, receipts: Receipts) -> None:
        self._payments = payments
        self._receipts = receipts

    @activity.defn
    async def receive_payment(self, report: ReportPayment) -> PaymentAnswer:
        """Ask the provider what it has, and record that."""
        with defects_are_final():
            return _answered(await self._receipts.receive(report.payment_id, _by_this_process()))

    @activity.defn
    async def refuse_payment(self, refusal: RefusePayment) -> PaymentAnswer:
        """Record that the provider does not have the money, unless it has it by now."""
        with defects_are_final():
            return _answered(await self._receipts.refuse(refusal, _by_this_process()))

    @activity.defn
    async def apply_payment(self, command: ApplyPayment) -> PaymentAnswer:
        return await self._execute(command)

    @activity.defn
    async def request_refund(self, command: RequestRefund) -> PaymentAnswer:
        return await self._execute(command)

    @activity.defn
    async def record_refund(self, command: RecordRefund) -> PaymentAnswer:
        return await self._execute(command)

    async def _execute(self, command: PaymentCommand) -> PaymentAnswer:
        by = _by_this_process()
        step = command_id(by["process"], activity.info().activity_type)
        with defects_are_final():
            return _answered(await self._payments.execute(command, command_id=step, metadata=by))


def _by_this_process() -> Metadata:
    process = activity.info().workflow_id
    assert process is not None  # these activities run in workflows only
    return {"process": process}


def _answered(answer: Answer | NotAtProvider) -> PaymentAnswer:
    if not isinstance(answer, Accepted):
        return answer
    payment = answer.state
    assert payment is not None  # an accepted command leaves a payment
    return PaymentAccepted(
        status=payment.status,
        refund_reason=payment.refund_reason,
        booking_id=payment.booking_id,
        amount=payment.capture.amount if payment.capture else None,
    )
