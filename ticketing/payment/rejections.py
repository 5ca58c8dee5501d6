"""Why a payment rejects a command. Every rejection states a fact about the payment."""

from typing import Annotated, Literal

from pydantic import Field

from ticketing.decider import Rejection
from ticketing.ids import BookingId
from ticketing.payment.events import RefundReason


class PaymentNotFound(Rejection):
    type: Literal["PaymentNotFound"] = "PaymentNotFound"


class PaymentAlreadyReceived(Rejection):
    """The id is taken by a payment with other content."""

    type: Literal["PaymentAlreadyReceived"] = "PaymentAlreadyReceived"


class PaymentIsNotReceived(Rejection):
    """The provider has not confirmed that it has the money."""

    type: Literal["PaymentIsNotReceived"] = "PaymentIsNotReceived"


class PaymentIsForAnotherBooking(Rejection):
    type: Literal["PaymentIsForAnotherBooking"] = "PaymentIsForAnotherBooking"
    booking_id: BookingId


class PaymentIsApplied(Rejection):
    type: Literal["PaymentIsApplied"] = "PaymentIsApplied"


class PaymentIsNotBeingRefunded(Rejection):
    type: Literal["PaymentIsNotBeingRefunded"] = "PaymentIsNotBeingRefunded"


class PaymentRefundIsRequested(Rejection):
    type: Literal["PaymentRefundIsRequested"] = "PaymentRefundIsRequested"
    reason: RefundReason


class PaymentIsRefunded(Rejection):
    type: Literal["PaymentIsRefunded"] = "PaymentIsRefunded"
    refund_ref: str


PaymentRejection = Annotated[
    PaymentNotFound
    | PaymentAlreadyReceived
    | PaymentIsNotReceived
    | PaymentIsForAnotherBooking
    | PaymentIsApplied
    | PaymentIsNotBeingRefunded
    | PaymentRefundIsRequested
    | PaymentIsRefunded,
    Field(discriminator="type"),
]
