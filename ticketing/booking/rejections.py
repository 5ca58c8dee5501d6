"""Why a booking rejects a command. Every rejection states a fact about the booking."""

from typing import Annotated, Literal, assert_never

from pydantic import AwareDatetime, Field

from ticketing.booking.events import BookingStatus
from ticketing.decider import Rejection
from ticketing.ids import PaymentId
from ticketing.money import Money
from ticketing.seats import Seat


class BookingNotFound(Rejection):
    type: Literal["BookingNotFound"] = "BookingNotFound"


class BookingAlreadyExists(Rejection):
    """The id is taken by a booking with other content."""

    type: Literal["BookingAlreadyExists"] = "BookingAlreadyExists"


class NoSeatsRequested(Rejection):
    type: Literal["NoSeatsRequested"] = "NoSeatsRequested"


class DuplicateSeats(Rejection):
    type: Literal["DuplicateSeats"] = "DuplicateSeats"
    seats: tuple[Seat, ...]


class TooManySeats(Rejection):
    type: Literal["TooManySeats"] = "TooManySeats"
    limit: int


class TicketsDoNotMatchSeats(Rejection):
    """The tickets are for other seats than were placed, or in several currencies."""

    type: Literal["TicketsDoNotMatchSeats"] = "TicketsDoNotMatchSeats"


class BookingIsNotConfirmed(Rejection):
    type: Literal["BookingIsNotConfirmed"] = "BookingIsNotConfirmed"


class BookingIsAlreadyConfirmed(Rejection):
    type: Literal["BookingIsAlreadyConfirmed"] = "BookingIsAlreadyConfirmed"


class BookingIsDenied(Rejection):
    type: Literal["BookingIsDenied"] = "BookingIsDenied"


class BookingIsCancelled(Rejection):
    type: Literal["BookingIsCancelled"] = "BookingIsCancelled"


class BookingIsExpired(Rejection):
    type: Literal["BookingIsExpired"] = "BookingIsExpired"


class BookingIsNotExpired(Rejection):
    type: Literal["BookingIsNotExpired"] = "BookingIsNotExpired"


class BookingIsAlreadySettled(Rejection):
    """The booking was settled by `payment_id`, or by no payment if it was free of charge."""

    type: Literal["BookingIsAlreadySettled"] = "BookingIsAlreadySettled"
    payment_id: PaymentId | None


class PaymentAmountMismatch(Rejection):
    type: Literal["PaymentAmountMismatch"] = "PaymentAmountMismatch"
    expected: Money
    received: Money


class BookingNeverExpires(Rejection):
    type: Literal["BookingNeverExpires"] = "BookingNeverExpires"


class TooEarlyToExpire(Rejection):
    type: Literal["TooEarlyToExpire"] = "TooEarlyToExpire"
    expires_at: AwareDatetime


BookingRejection = Annotated[
    BookingNotFound
    | BookingAlreadyExists
    | NoSeatsRequested
    | DuplicateSeats
    | TooManySeats
    | TicketsDoNotMatchSeats
    | BookingIsNotConfirmed
    | BookingIsAlreadyConfirmed
    | BookingIsDenied
    | BookingIsCancelled
    | BookingIsExpired
    | BookingIsNotExpired
    | BookingIsAlreadySettled
    | PaymentAmountMismatch
    | BookingNeverExpires
    | TooEarlyToExpire,
    Field(discriminator="type"),
]


def final_status_in(rejection: BookingRejection) -> BookingStatus | None:
    """Return the final status that the rejection reports; None if it reports none."""
    match rejection:
        case BookingIsDenied():
            return "denied"
        case BookingIsCancelled():
            return "cancelled"
        case BookingIsExpired():
            return "expired"
        case BookingIsAlreadySettled():
            return "settled"
        case (
            BookingNotFound()
            | BookingAlreadyExists()
            | NoSeatsRequested()
            | DuplicateSeats()
            | TooManySeats()
            | TicketsDoNotMatchSeats()
            | BookingIsNotConfirmed()
            | BookingIsAlreadyConfirmed()
            | BookingIsNotExpired()
            | PaymentAmountMismatch()
            | BookingNeverExpires()
            | TooEarlyToExpire()
        ):
            return None
    assert_never(rejection)
