from datetime import timedelta

import pytest

from tests.support.controls import (
    BOOKINGS,
    CONFIRMED_FOR_EVER,
    DEADLINE,
    EXPIRE,
    EXPIRED,
    PLACED,
    SECOND,
)
from tests.support.spec import given
from ticketing.booking.decider import BOOKING
from ticketing.booking.rejections import BookingNeverExpires, TooEarlyToExpire


def test_expiring_one_second_early_is_rejected() -> None:
    given(BOOKING, *BOOKINGS["confirmed"]).when(EXPIRE, now=DEADLINE - SECOND).then_rejected(
        TooEarlyToExpire(expires_at=DEADLINE)
    )


@pytest.mark.parametrize("late", [timedelta(0), SECOND], ids=["the instant", "a second late"])
def test_expiring_at_the_deadline_or_later_expires(late: timedelta) -> None:
    given(BOOKING, *BOOKINGS["confirmed"]).when(EXPIRE, now=DEADLINE + late).then(EXPIRED)


def test_expiring_without_a_deadline_is_rejected() -> None:
    given(BOOKING, PLACED, CONFIRMED_FOR_EVER).when(EXPIRE, now=DEADLINE).then_rejected(
        BookingNeverExpires()
    )
