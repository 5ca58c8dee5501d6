"""Each rejection of a booking says what becomes of the payment that it refused."""

from datetime import timedelta

import pytest

from eventstore.errors import DefectError
from tests.unit.test_rejections import BOOKING_REJECTIONS
from ticketing.booking.rejections import BookingRejection, final_status_in
from ticketing.policies import UNKNOWN_BOOKING_PATIENCE, ProcessTerms, patience_with, refund_reason

TERMS = ProcessTerms(
    confirmation_timeout=timedelta(minutes=10),
    reminder_before=timedelta(hours=1),
    expiry_grace=timedelta(seconds=5),
)
REASONS = {
    "BookingIsExpired": "booking_expired",
    "BookingIsCancelled": "booking_cancelled",
    "BookingIsDenied": "booking_denied",
    "BookingIsNotConfirmed": "booking_denied",
    "BookingIsAlreadySettled": "already_settled",
    "PaymentAmountMismatch": "amount_mismatch",
    "BookingNotFound": "unknown_booking",
}
PATIENCE = {
    "BookingIsNotConfirmed": TERMS.confirmation_timeout,
    "BookingNotFound": UNKNOWN_BOOKING_PATIENCE,
}
FINAL_STATUSES = {
    "BookingIsDenied": "denied",
    "BookingIsCancelled": "cancelled",
    "BookingIsExpired": "expired",
    "BookingIsAlreadySettled": "settled",
}
each_rejection = pytest.mark.parametrize("rejection", BOOKING_REJECTIONS, ids=str)


@each_rejection
def test_a_refused_payment_is_refunded_for_a_reason(rejection: BookingRejection) -> None:
    if rejection.type in REASONS:
        assert refund_reason(rejection) == REASONS[rejection.type]
    else:
        with pytest.raises(DefectError, match=rejection.type):
            refund_reason(rejection)


@each_rejection
def test_only_an_early_payment_waits(rejection: BookingRejection) -> None:
    assert patience_with(rejection, TERMS) == PATIENCE.get(rejection.type, timedelta(0))


@each_rejection
def test_a_rejection_reports_the_final_status(rejection: BookingRejection) -> None:
    assert final_status_in(rejection) == FINAL_STATUSES.get(rejection.type)
