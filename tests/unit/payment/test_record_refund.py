import pytest

from tests.support.controls import PAYMENTS, RECORD_REFUND, REFUNDED
from tests.support.spec import given
from ticketing.payment.decider import PAYMENT
from ticketing.payment.events import PaymentEvent
from ticketing.payment.rejections import (
    PaymentIsApplied,
    PaymentIsNotBeingRefunded,
    PaymentIsRefunded,
    PaymentNotFound,
    PaymentRejection,
)


def test_recording_a_requested_refund_keeps_its_reference() -> None:
    given(PAYMENT, *PAYMENTS["refund_requested"]).when(RECORD_REFUND).then(REFUNDED)


def test_recording_it_again_changes_nothing() -> None:
    given(PAYMENT, *PAYMENTS["refunded"]).when(RECORD_REFUND).then_nothing()


def test_recording_a_second_refund_is_rejected() -> None:
    second = RECORD_REFUND.model_copy(update={"refund_ref": "refund 8"})
    given(PAYMENT, *PAYMENTS["refunded"]).when(second).then_rejected(
        PaymentIsRefunded(refund_ref=REFUNDED.refund_ref)
    )


@pytest.mark.parametrize(
    ("history", "rejection"),
    [
        ((), PaymentNotFound()),
        (PAYMENTS["received"], PaymentIsNotBeingRefunded()),
        (PAYMENTS["applied"], PaymentIsApplied()),
    ],
    ids=["no payment", "received", "applied"],
)
def test_recording_a_refund_nobody_requested_is_rejected(
    history: tuple[PaymentEvent, ...], rejection: PaymentRejection
) -> None:
    given(PAYMENT, *history).when(RECORD_REFUND).then_rejected(rejection)
