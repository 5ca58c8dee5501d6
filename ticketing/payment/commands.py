"""What a payment can be asked to do.

A new field needs a default, because workflow histories hold commands without it.
"""

from pydantic import AwareDatetime, ConfigDict

from ticketing.ids import BookingId, PaymentId
from ticketing.money import Money
from ticketing.payment.events import RefundReason, RefusalReason
from ticketing.value import ShortText, Value


class ReportPayment(Value):
    """Somebody says that money came. What the provider says about it counts, so no more is told.

    Workflow histories hold reports with more fields.
    """

    model_config = ConfigDict(extra="ignore")

    payment_id: PaymentId
    booking_id: BookingId


class RefusePayment(Value):
    payment_id: PaymentId
    booking_id: BookingId
    reason: RefusalReason


class ReceivePayment(Value):
    """The provider says what it has."""

    payment_id: PaymentId
    booking_id: BookingId
    payer: ShortText
    amount: Money
    provider: ShortText
    provider_ref: ShortText
    captured_at: AwareDatetime


class ApplyPayment(Value):
    payment_id: PaymentId
    booking_id: BookingId


class RequestRefund(Value):
    payment_id: PaymentId
    reason: RefundReason


class RecordRefund(Value):
    payment_id: PaymentId
    refund_ref: ShortText


PaymentCommand = (
    ReportPayment | RefusePayment | ReceivePayment | ApplyPayment | RequestRefund | RecordRefund
)
