"""The wire contracts of the workflows. One JSON object each, so that a person can type it."""

from typing import Literal

from pydantic import Field

from ticketing.booking.commands import PlaceBooking
from ticketing.booking.events import CancelledBy
from ticketing.booking.state import BookingStatus
from ticketing.ids import BookingId, PaymentId
from ticketing.process import Decision
from ticketing.value import Value


class CancelRequest(Value):
    reason: str = Field(min_length=1, max_length=200)
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
    decision: Decision | None
    outcome: BookingOutcome | None
