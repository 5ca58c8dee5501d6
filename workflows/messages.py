"""The messages of the workflows: each is one JSON object that a person can type."""

from typing import Annotated, Any, Literal

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from temporalio.exceptions import ApplicationError
from typing_extensions import TypeAliasType

from ticketing.booking.commands import PlaceBooking
from ticketing.booking.events import BookingStatus, CancelledBy
from ticketing.ids import BookingId, PaymentId
from ticketing.money import Money
from ticketing.payment.commands import ReportPayment
from ticketing.process import PlaceAnswer
from ticketing.value import ShortText, Value


class ReportedPayment(ReportPayment):
    """The input of a payment's process. Those that began by earlier code trusted its amount."""

    amount: Money | None = None


def _fail_visibly(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    """Validate an input; bad input fails the workflow, while Temporal retries other errors.

    Raises:
        ApplicationError: says which field is wrong, and does not repeat the input.
    """
    try:
        return validate(value)
    except ValidationError as error:
        wrong = [
            f"{'.'.join(map(str, problem['loc'])) or 'input'}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise ApplicationError("; ".join(wrong), type="BadInput", non_retryable=True) from None


# The inputs of the workflows. They are named types: the SDK drops other annotations.
PlaceRequest = TypeAliasType("PlaceRequest", Annotated[PlaceBooking, WrapValidator(_fail_visibly)])
PaymentRequest = TypeAliasType(
    "PaymentRequest", Annotated[ReportedPayment, WrapValidator(_fail_visibly)]
)


class CancelRequest(Value):
    reason: ShortText
    cancelled_by: CancelledBy = "client"


class Settled(Value):
    payment_id: PaymentId


class BookingOutcome(Value):
    """How the booking process ended."""

    booking_id: BookingId
    status: BookingStatus | Literal["rejected"]
    reason: str | None = None


class BookingProgress(Value):
    """The state of the booking process; decision and outcome are None until they are known."""

    request: PlaceBooking
    waiting_for: str
    decision: PlaceAnswer | None
    outcome: BookingOutcome | None
