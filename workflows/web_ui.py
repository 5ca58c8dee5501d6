"""The texts that Temporal's Web UI shows of a process. They cost no Action.

The Web UI starts a new line wherever the Markdown has one.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import ParamSpec, TypedDict, TypeVar

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from ticketing.booking.commands import PlaceBooking
from ticketing.ids import PaymentId, booking_stream, payment_stream
from ticketing.payment.commands import ReportPayment
from workflows.messages import CancelRequest

SUMMARY_MAX = 200  # bytes, by Temporal's documentation; our summaries are ASCII
CANCEL_INPUT = '{"reason": "...", "cancelled_by": "operator"}'
HOW_TO_CANCEL = f"Answers how the booking ended. Input: {CANCEL_INPUT}"

P = ParamSpec("P")
R = TypeVar("R")


class StaticTexts(TypedDict):
    """The texts that a workflow gets at its start and keeps."""

    static_summary: str
    static_details: str


def booking_texts(request: PlaceBooking) -> StaticTexts:
    seats = clipped(listed(request))
    return {
        "static_summary": clipped(f"{request.concert_id}: {seats} for {request.client_id}"),
        "static_details": (
            f"Client **{request.client_id}** books **{seats}** of **{request.concert_id}**.\n\n"
            f"To cancel, send the update `cancel` with `{CANCEL_INPUT}`. *Request Cancellation* "
            "cancels too, without a reason. *Terminate* does not: its seats stay held, until "
            "`box-office restart-processes` gives the booking a process again."
        ),
    }


def payment_texts(payment: ReportPayment) -> StaticTexts:
    booking = booking_stream(payment.booking_id)
    return {
        "static_summary": clipped(f"a payment for {booking}"),
        "static_details": (
            f"A payment was reported, for **{booking}**. The provider is asked what it has, and "
            "that counts: money that it does not have is refused.\n\n"
            "Money ends as tickets or as a refund: money that arrived cannot be cancelled. After "
            "*Terminate* it is neither, until `box-office restart-processes` gives the payment a "
            "process again."
        ),
    }


def cancel_request(typed: object) -> CancelRequest:
    """Parse the request that an operator typed.

    The data converter does not, because the Web UI would not show why it refused an input.

    Raises:
        ApplicationError: the input is no request; says what is wrong and what is allowed.
    """
    try:
        return CancelRequest.model_validate(typed)
    except ValidationError as error:
        wrong = "; ".join(
            ": ".join([*map(str, problem["loc"]), problem["msg"]]) for problem in error.errors()
        )
        raise ApplicationError(f"{wrong}. Allowed: {CANCEL_INPUT}", type="BadInput") from None


def waits(what: str, until: datetime | None = None) -> str:
    """Return the current details of a running process."""
    limit = f"until **{until:%Y-%m-%d %H:%M:%S} UTC**" if until else "for as long as it takes"
    return f"Waits for **{what}** {limit}"


def ended(status: str, reason: str | None = None, *, by: PaymentId | None = None) -> str:
    """Return the current details of an ended process; `by` is the payment that settled it."""
    payment = f" by **{payment_stream(by)}**" if by else ""
    return f"Ended: **{status}**{payment}" + (f": {quoted(reason)}" if reason else "")


def listed(request: PlaceBooking) -> str:
    return ", ".join(map(str, request.seats))


def clipped(summary: str) -> str:
    """Cut a summary to the length that the server accepts."""
    return summary[:SUMMARY_MAX]


def quoted(words: str) -> str:
    """Return the words of others as code, so that Markdown in them has no effect."""
    return f"`{' '.join(words.replace('`', chr(39)).split())}`"


def update(
    description: str,
) -> Callable[[Callable[P, Awaitable[R]]], workflow.UpdateMethodMultiParam[P, R]]:
    """Return `workflow.update` with a description, for an async handler."""
    return workflow.update(description=description)  # type: ignore[return-value]  # of a sync one
