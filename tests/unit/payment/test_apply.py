import pytest

from tests.support.controls import APPLIED, APPLY, BOOKING_ID, PAYMENTS, RECEIVED
from tests.support.spec import given
from ticketing.ids import BookingId
from ticketing.payment.decider import PAYMENT
from ticketing.payment.events import PaymentEvent
from ticketing.payment.rejections import (
    PaymentIsForAnotherBooking,
    PaymentIsRefunded,
    PaymentNotFound,
    PaymentRefundIsRequested,
    PaymentRejection,
)


def test_applying_a_received_payment_records_the_booking() -> None:
    given(PAYMENT, RECEIVED).when(APPLY).then(APPLIED)


def test_applying_it_again_changes_nothing() -> None:
    given(PAYMENT, RECEIVED, APPLIED).when(APPLY).then_nothing()


@pytest.mark.parametrize("history", PAYMENTS.values(), ids=PAYMENTS.keys())
def test_applying_it_to_another_booking_is_rejected(history: tuple[PaymentEvent, ...]) -> None:
    other = APPLY.model_copy(update={"booking_id": BookingId("bob-1")})
    given(PAYMENT, *history).when(other).then_rejected(
        PaymentIsForAnotherBooking(booking_id=BOOKING_ID)
    )


@pytest.mark.parametrize(
    ("history", "rejection"),
    [
        ((), PaymentNotFound()),
        (PAYMENTS["refund_requested"], PaymentRefundIsRequested(reason="booking_expired")),
        (PAYMENTS["refunded"], PaymentIsRefunded(refund_ref="refund 7")),
    ],
    ids=["no payment", "refund_requested", "refunded"],
)
def test_applying_money_that_is_not_there_is_rejected(
    history: tuple[PaymentEvent, ...], rejection: PaymentRejection
) -> None:
    given(PAYMENT, *history).when(APPLY).then_rejected(rejection)
