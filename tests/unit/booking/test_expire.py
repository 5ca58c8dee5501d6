from datetime import timedelta
from typing import Literal

import pytest

from tests.support.controls import (
    BOOKINGS,
    CONFIRMED_FOR_EVER,
    DEADLINE,
    EXPIRE,
    EXPIRED,
    PAYMENT_ID,
    PLACED,
    SECOND,
    SETTLED_FREE_BOOKING,
)
from tests.support.spec import given
from ticketing.booking.decider import BOOKING
from ticketing.booking.rejections import (
    BookingIsAlreadySettled,
    BookingIsNotConfirmed,
    BookingNeverExpires,
    BookingNotFound,
    TooEarlyToExpire,
)


def test_expiring_one_second_early_is_rejected() -> None:
    given(BOOKING, *BOOKINGS["confirmed"]).when(EXPIRE, now=DEADLINE - SECOND).then_rejected(
        TooEarlyToExpire(expires_at=DEADLINE)
    )


@pytest.mark.parametrize("late", [timedelta(0), SECOND], ids=["the instant", "a second late"])
def test_expiring_at_the_deadline_or_later_expires(late: timedelta) -> None:
    given(BOOKING, *BOOKINGS["confirmed"]).when(EXPIRE, now=DEADLINE + late).then(EXPIRED)


def test_expiring_a_booking_without_a_deadline_is_rejected() -> None:
    given(BOOKING, PLACED, CONFIRMED_FOR_EVER).when(EXPIRE, now=DEADLINE).then_rejected(
        BookingNeverExpires()
    )


@pytest.mark.parametrize("status", ["denied", "cancelled", "expired"])
def test_expiring_what_is_over_changes_nothing(
    status: Literal["denied", "cancelled", "expired"],
) -> None:
    given(BOOKING, *BOOKINGS[status]).when(EXPIRE, now=DEADLINE).then_nothing()


def test_expiring_no_booking_is_rejected() -> None:
    given(BOOKING).when(EXPIRE, now=DEADLINE).then_rejected(BookingNotFound())


def test_expiring_before_confirmation_is_rejected() -> None:
    given(BOOKING, PLACED).when(EXPIRE, now=DEADLINE).then_rejected(BookingIsNotConfirmed())


def test_expiring_a_settled_booking_is_rejected() -> None:
    given(BOOKING, *BOOKINGS["settled"]).when(EXPIRE, now=DEADLINE).then_rejected(
        BookingIsAlreadySettled(payment_id=PAYMENT_ID)
    )
    given(BOOKING, *SETTLED_FREE_BOOKING).when(EXPIRE, now=DEADLINE).then_rejected(
        BookingIsAlreadySettled(payment_id=None)
    )
