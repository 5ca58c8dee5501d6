import pytest

from tests.support.controls import BOOKINGS, DENIED, DENY, PAYMENT_ID, PLACED, SETTLED_FREE_BOOKING
from tests.support.spec import given
from ticketing.booking.decider import BOOKING
from ticketing.booking.events import BookingEvent
from ticketing.booking.rejections import (
    BookingIsAlreadyConfirmed,
    BookingIsAlreadySettled,
    BookingIsCancelled,
    BookingIsExpired,
    BookingNotFound,
    BookingRejection,
)


def test_denying_records_the_reason() -> None:
    given(BOOKING, PLACED).when(DENY).then(DENIED)


def test_denying_again_changes_nothing_whatever_the_reason() -> None:
    given(BOOKING, PLACED, DENIED).when(DENY).then_nothing()
    other = DENY.model_copy(update={"reason": "the concert is off"})
    given(BOOKING, PLACED, DENIED).when(other).then_nothing()


@pytest.mark.parametrize(
    ("history", "rejection"),
    [
        ((), BookingNotFound()),
        (BOOKINGS["confirmed"], BookingIsAlreadyConfirmed()),
        (BOOKINGS["cancelled"], BookingIsCancelled()),
        (BOOKINGS["expired"], BookingIsExpired()),
        (BOOKINGS["settled"], BookingIsAlreadySettled(payment_id=PAYMENT_ID)),
        (SETTLED_FREE_BOOKING, BookingIsAlreadySettled(payment_id=None)),
    ],
    ids=["no booking", "confirmed", "cancelled", "expired", "settled", "settled free"],
)
def test_denying_is_rejected_once_the_decision_was_another(
    history: tuple[BookingEvent, ...], rejection: BookingRejection
) -> None:
    given(BOOKING, *history).when(DENY).then_rejected(rejection)
