import pytest

from tests.support.controls import (
    BOOKINGS,
    DEADLINE,
    OTHER_PAYMENT_ID,
    PAID,
    PAY,
    PAYMENT_ID,
    REINSTATED_BOOKING,
    SECOND,
    SETTLED,
    SETTLED_FREE_BOOKING,
    TOTAL,
    euros,
)
from tests.support.spec import given
from ticketing.booking.decider import BOOKING
from ticketing.booking.events import BookingEvent
from ticketing.booking.rejections import (
    BookingIsAlreadySettled,
    BookingIsCancelled,
    BookingIsDenied,
    BookingIsExpired,
    BookingIsNotConfirmed,
    BookingNotFound,
    BookingRejection,
    PaymentAmountMismatch,
)
from ticketing.money import Money

OTHER_PAYMENT = PAY.model_copy(update={"payment_id": OTHER_PAYMENT_ID})


def test_paying_the_total_settles_the_booking() -> None:
    given(BOOKING, *BOOKINGS["confirmed"]).when(PAY).then(PAID, SETTLED)


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


@pytest.mark.parametrize(
    "history", [BOOKINGS["settled"], REINSTATED_BOOKING], ids=["settled", "reinstated"]
)
def test_the_same_payment_again_changes_nothing(history: tuple[BookingEvent, ...]) -> None:
    given(BOOKING, *history).when(PAY).then_nothing()


@pytest.mark.parametrize(
    ("history", "rejection"),
    [
        ((), BookingNotFound()),
        (BOOKINGS["awaiting_confirmation"], BookingIsNotConfirmed()),
        (BOOKINGS["denied"], BookingIsDenied()),
        (BOOKINGS["cancelled"], BookingIsCancelled()),
        (BOOKINGS["expired"], BookingIsExpired()),
        (BOOKINGS["settled"], BookingIsAlreadySettled(payment_id=PAYMENT_ID)),
        (SETTLED_FREE_BOOKING, BookingIsAlreadySettled(payment_id=None)),
    ],
    ids=["no booking", "awaiting", "denied", "cancelled", "expired", "settled", "settled free"],
)
def test_paying_is_rejected_where_nothing_is_owed(
    history: tuple[BookingEvent, ...], rejection: BookingRejection
) -> None:
    given(BOOKING, *history).when(OTHER_PAYMENT).then_rejected(rejection)
