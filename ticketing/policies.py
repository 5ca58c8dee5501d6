"""What the box office decides about money and time: the terms, the patience, the refund reasons."""

from datetime import timedelta
from typing import Literal, assert_never

from eventstore.errors import DefectError
from ticketing.booking.rejections import (
    BookingAlreadyExists,
    BookingIsAlreadyConfirmed,
    BookingIsAlreadySettled,
    BookingIsCancelled,
    BookingIsDenied,
    BookingIsExpired,
    BookingIsNotConfirmed,
    BookingIsNotExpired,
    BookingNeverExpires,
    BookingNotFound,
    BookingRejection,
    DuplicateSeats,
    NoSeatsRequested,
    PaymentAmountMismatch,
    TicketsDoNotMatchSeats,
    TooEarlyToExpire,
    TooManySeats,
)
from ticketing.payment.events import RefundReason, RefusalReason
from ticketing.value import Value

LatePayment = Literal["reinstate", "refund"]

UNKNOWN_BOOKING_PATIENCE = timedelta(seconds=30)  # how much earlier than its booking money may be

UNKNOWN_PAYMENT_PATIENCE = timedelta(seconds=10)  # how much later its provider may know of money


class ProcessTerms(Value):
    """The settings that a process runs by; a process keeps the terms it started with."""

    confirmation_timeout: timedelta
    reminder_before: timedelta  # before the deadline
    expiry_grace: timedelta  # after the deadline: a payment on its way may still arrive
    late_payment: LatePayment = "reinstate"  # what becomes of money for an expired booking
    # Processes that began by earlier code did neither.
    signals_are_checked: bool = False
    reserves_at_once: bool = False


def patience_with(rejection: BookingRejection, terms: ProcessTerms) -> timedelta:
    """Return how long a payment waits for its booking to answer something else."""
    match rejection:
        case BookingIsNotConfirmed():
            return terms.confirmation_timeout
        case BookingNotFound():
            return UNKNOWN_BOOKING_PATIENCE
        case _:
            return timedelta(0)


def patience_with_refusal(reason: RefusalReason) -> timedelta:
    """Return how long the provider is asked again for money that it does not have."""
    return UNKNOWN_PAYMENT_PATIENCE if reason == "unknown_to_provider" else timedelta(0)


def refund_reason(rejection: BookingRejection) -> RefundReason:
    """Return why the payment is refunded; a booking that is still unconfirmed counts as denied.

    Raises:
        DefectError: no booking refuses a payment with this rejection.
    """
    match rejection:
        case BookingIsExpired():
            return "booking_expired"
        case BookingIsCancelled():
            return "booking_cancelled"
        case BookingIsDenied() | BookingIsNotConfirmed():
            return "booking_denied"
        case BookingIsAlreadySettled():
            return "already_settled"
        case PaymentAmountMismatch():
            return "amount_mismatch"
        case BookingNotFound():
            return "unknown_booking"
        case (
            BookingAlreadyExists()
            | BookingIsAlreadyConfirmed()
            | BookingIsNotExpired()
            | BookingNeverExpires()
            | DuplicateSeats()
            | NoSeatsRequested()
            | TicketsDoNotMatchSeats()
            | TooEarlyToExpire()
            | TooManySeats()
        ):
            raise DefectError(f"a booking refused a payment with {rejection.type}")
    assert_never(rejection)
