from datetime import timedelta

import pytest

from tests.support.controls import NOW, PAYMENTS, RECEIVE, RECEIVED, euros
from tests.support.spec import given
from ticketing.ids import BookingId
from ticketing.payment.decider import PAYMENT
from ticketing.payment.events import PaymentEvent
from ticketing.payment.rejections import PaymentAlreadyReceived

any_payment = pytest.mark.parametrize("history", PAYMENTS.values(), ids=PAYMENTS.keys())


def test_receiving_a_payment_records_it() -> None:
    given(PAYMENT).when(RECEIVE).then(RECEIVED)


@any_payment
def test_receiving_it_again_changes_nothing(history: tuple[PaymentEvent, ...]) -> None:
    given(PAYMENT, *history).when(RECEIVE).then_nothing()


@any_payment
@pytest.mark.parametrize(
    "change",
    [
        {"booking_id": BookingId("bob-1")},
        {"payer": "Bob"},
        {"amount": euros(31)},
        {"provider": "card"},
        {"provider_ref": "transfer 8"},
        {"captured_at": NOW + timedelta(days=1)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_receiving_something_else_under_a_taken_id_is_rejected(
    history: tuple[PaymentEvent, ...], change: dict[str, object]
) -> None:
    other = RECEIVE.model_copy(update=change)
    given(PAYMENT, *history).when(other).then_rejected(PaymentAlreadyReceived())
