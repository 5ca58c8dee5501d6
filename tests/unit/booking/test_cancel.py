from typing import Literal

import pytest

from tests.support.controls import BOOKINGS, CANCEL, CANCELLED, PAYMENT_ID, SETTLED_FREE_BOOKING
from tests.support.spec import given
from ticketing.booking.decider import BOOKING
from ticketing.booking.rejections import BookingIsAlreadySettled, BookingNotFound


@pytest.mark.parametrize("status", ["awaiting_confirmation", "confirmed"])
def test_cancelling_before_settlement_records_who_and_why(
    status: Literal["awaiting_confirmation", "confirmed"],
) -> None:
    given(BOOKING, *BOOKINGS[status]).when(CANCEL).then(CANCELLED)


@pytest.mark.parametrize("status", ["denied", "cancelled", "expired"])
def test_cancelling_what_is_over_changes_nothing(
    status: Literal["denied", "cancelled", "expired"],
) -> None:
    given(BOOKING, *BOOKINGS[status]).when(CANCEL).then_nothing()


def test_cancelling_a_settled_booking_is_rejected() -> None:
    given(BOOKING, *BOOKINGS["settled"]).when(CANCEL).then_rejected(
        BookingIsAlreadySettled(payment_id=PAYMENT_ID)
    )
    given(BOOKING, *SETTLED_FREE_BOOKING).when(CANCEL).then_rejected(
        BookingIsAlreadySettled(payment_id=None)
    )


def test_cancelling_no_booking_is_rejected() -> None:
    given(BOOKING).when(CANCEL).then_rejected(BookingNotFound())
