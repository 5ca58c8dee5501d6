"""Commands to the Payment entity: one activity per command, with ids as in `bookings.py`."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field
from temporalio import activity

from activities.errors import defects_are_final
from ticketing.command_handler import Accepted, PaymentHandler
from ticketing.ids import command_id, receipt_of
from ticketing.payment.commands import (
    ApplyPayment,
    PaymentCommand,
    ReceivePayment,
    RecordRefund,
    RequestRefund,
)
from ticketing.payment.events import RefundReason
from ticketing.payment.rejections import PaymentRejection
from ticketing.payment.state import PaymentStatus
from ticketing.value import Value


class PaymentAccepted(Value):
    """The command was accepted; the payment as it is now."""

    type: Literal["PaymentAccepted"] = "PaymentAccepted"
    status: PaymentStatus
    refund_reason: RefundReason | None = None


PaymentAnswer = Annotated[PaymentAccepted | PaymentRejection, Field(discriminator="type")]


class PaymentActivities:
    def __init__(self, payments: PaymentHandler) -> None:
        self._payments = payments

    @activity.defn
    async def receive_payment(self, command: ReceivePayment) -> PaymentAnswer:
        return await self._execute(command, receipt_of(command.payment_id))

    @activity.defn
    async def apply_payment(self, command: ApplyPayment) -> PaymentAnswer:
        return await self._execute(command)

    @activity.defn
    async def request_refund(self, command: RequestRefund) -> PaymentAnswer:
        return await self._execute(command)

    @activity.defn
    async def record_refund(self, command: RecordRefund) -> PaymentAnswer:
        return await self._execute(command)

    async def _execute(self, command: PaymentCommand, own_id: UUID | None = None) -> PaymentAnswer:
        process, step = activity.info().workflow_id, activity.info().activity_type
        assert process is not None  # these activities run in workflows only
        with defects_are_final():
            answer = await self._payments.execute(
                command,
                command_id=own_id or command_id(process, step),
                metadata={"process": process},
            )
        if not isinstance(answer, Accepted):
            return answer
        payment = answer.state
        assert payment is not None  # an accepted command leaves a payment
        return PaymentAccepted(status=payment.status, refund_reason=payment.refund_reason)
