"""The wire contracts of the workflows. One JSON object each, so that a person can type it."""

from typing import Annotated, Any, Literal

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from temporalio.exceptions import ApplicationError
from typing_extensions import TypeAliasType

from ticketing.booking.commands import PlaceBooking
from ticketing.booking.events import BookingStatus, CancelledBy
from ticketing.ids import BookingId, PaymentId
from ticketing.payment.commands import ReceivePayment
from ticketing.process import PlaceAnswer
from ticketing.value import ShortText, Value


def _fail_visibly(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Bad input fails the workflow; any other error in it is tried again, until it is mended.

    Raises:
        ApplicationError: what is wrong, without what was given.
    """
    try:
        return validate(value)
    except ValidationError as error:
        wrong = [
            f"{'.'.join(map(str, each['loc'])) or 'input'}: {each['msg']}"
            for each in error.errors(include_input=False, include_url=False)
        ]
        raise ApplicationError("; ".join(wrong), type="BadInput", non_retryable=True) from None


# What workflows start with. Named, for the SDK drops the annotation of a type that is not.
PlaceRequest = TypeAliasType("PlaceRequest", Annotated[PlaceBooking, WrapValidator(_fail_visibly)])
PaymentRequest = TypeAliasType(
    "PaymentRequest", Annotated[ReceivePayment, WrapValidator(_fail_visibly)]
)


class CancelRequest(Value):
    reason: ShortText
    cancelled_by: CancelledBy = "client"


class Settled(Value):
    payment_id: PaymentId


class BookingOutcome(Value):
    """How the process ended."""

    booking_id: BookingId
    status: BookingStatus | Literal["rejected"]
    reason: str | None = None


class BookingProgress(Value):
    """Where the process is: the request it serves, its decision and its end, once known."""

    request: PlaceBooking
    waiting_for: str
    decision: PlaceAnswer | None
    outcome: BookingOutcome | None
