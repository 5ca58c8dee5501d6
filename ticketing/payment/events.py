"""What can happen to a payment.

The log stores the names of events and fields: they are never renamed, and new fields are optional.
"""

from typing import Literal

from pydantic import AwareDatetime

from ticketing.ids import BookingId
from ticketing.money import Money
from ticketing.value import Value

RefundReason = Literal[
    "booking_expired",
    "booking_cancelled",
    "booking_denied",
    "already_settled",
    "amount_mismatch",
    "unknown_booking",
]


class PaymentReceived(Value):
    """The provider captured the money; `captured_at` is the provider's clock."""

    type: Literal["PaymentReceived"] = "PaymentReceived"
    booking_id: BookingId
    payer: str
    amount: Money
    provider: str
    provider_ref: str
    captured_at: AwareDatetime


class PaymentApplied(Value):
    """The payment paid for this booking."""

    type: Literal["PaymentApplied"] = "PaymentApplied"
    booking_id: BookingId


class PaymentRefundRequested(Value):
    type: Literal["PaymentRefundRequested"] = "PaymentRefundRequested"
    reason: RefundReason


class PaymentRefunded(Value):
    type: Literal["PaymentRefunded"] = "PaymentRefunded"
    refund_ref: str


PaymentEvent = PaymentReceived | PaymentApplied | PaymentRefundRequested | PaymentRefunded
