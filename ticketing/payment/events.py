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


# Why the provider was asked in vain: it does not know the payment, or it has returned the money.
RefusalReason = Literal["unknown_to_provider", "returned"]


class PaymentReported(Value):
    """Somebody says that money came for this booking; the provider has not been asked yet."""

    type: Literal["PaymentReported"] = "PaymentReported"
    booking_id: BookingId


class PaymentRefused(Value):
    """The provider has no such money, so the payment pays for nothing."""

    type: Literal["PaymentRefused"] = "PaymentRefused"
    booking_id: BookingId
    reason: RefusalReason


class PaymentReceived(Value):
    """The provider has the money, as it told us; `captured_at` is the provider's clock."""

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


PaymentEvent = (
    PaymentReported
    | PaymentRefused
    | PaymentReceived
    | PaymentApplied
    | PaymentRefundRequested
    | PaymentRefunded
)
