"""What a payment can be asked to do.

A new field needs a default, because workflow histories hold commands without it.
"""

from pydantic import AwareDatetime

from ticketing.ids import BookingId, PaymentId
from ticketing.money import Money
from ticketing.payment.events import RefundReason
from ticketing.value import ShortText, Value


class ReceivePayment(Value):
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


PaymentCommand = ReceivePayment | ApplyPayment | RequestRefund | RecordRefund
