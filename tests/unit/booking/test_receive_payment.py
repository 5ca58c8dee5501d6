import pytest

from tests.support.controls import BOOKINGS, DEADLINE, PAID, PAY, SECOND, SETTLED, TOTAL, euros
from tests.support.spec import given
from ticketing.booking.decider import BOOKING
from ticketing.booking.rejections import PaymentAmountMismatch
from ticketing.money import Money


def test_paying_after_the_deadline_settles_a_booking_that_is_still_confirmed() -> None:
    given(BOOKING, *BOOKINGS["confirmed"]).when(PAY, now=DEADLINE + SECOND).then(PAID, SETTLED)


@pytest.mark.parametrize(
    "amount",
    [euros(29), euros(31), Money(amount_minor=TOTAL.amount_minor, currency="CHF")],
    ids=["less", "more", "another currency"],
)
def test_paying_another_amount_is_rejected(amount: Money) -> None:
    payment = PAY.model_copy(update={"amount": amount})
    given(BOOKING, *BOOKINGS["confirmed"]).when(payment).then_rejected(
        PaymentAmountMismatch(expected=TOTAL, received=amount)
    )
