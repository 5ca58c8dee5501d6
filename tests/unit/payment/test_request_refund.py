from typing import Literal, get_args

import pytest

from tests.support.controls import PAYMENTS, RECEIVED, REFUND_REQUESTED, REQUEST_REFUND
from tests.support.spec import given
from ticketing.payment.decider import PAYMENT
from ticketing.payment.events import PaymentEvent, PaymentRefundRequested, RefundReason
from ticketing.payment.rejections import (
    PaymentIsApplied,
    PaymentIsRefunded,
    PaymentNotFound,
    PaymentRefundIsRequested,
    PaymentRejection,
)


@pytest.mark.parametrize("reason", get_args(RefundReason))
def test_requesting_a_refund_records_the_reason(reason: RefundReason) -> None:
    request = REQUEST_REFUND.model_copy(update={"reason": reason})
    given(PAYMENT, RECEIVED).when(request).then(PaymentRefundRequested(reason=reason))


@pytest.mark.parametrize("status", ["refund_requested", "refunded"])
def test_requesting_it_again_changes_nothing(
    status: Literal["refund_requested", "refunded"],
) -> None:
    given(PAYMENT, *PAYMENTS[status]).when(REQUEST_REFUND).then_nothing()


@pytest.mark.parametrize(
    ("history", "rejection"),
    [
        (PAYMENTS["refund_requested"], PaymentRefundIsRequested(reason=REFUND_REQUESTED.reason)),
        (PAYMENTS["refunded"], PaymentIsRefunded(refund_ref="refund 7")),
    ],
    ids=["refund_requested", "refunded"],
)
def test_requesting_it_for_another_reason_is_rejected(
    history: tuple[PaymentEvent, ...], rejection: PaymentRejection
) -> None:
    other = REQUEST_REFUND.model_copy(update={"reason": "amount_mismatch"})
    given(PAYMENT, *history).when(other).then_rejected(rejection)


def test_requesting_a_refund_of_an_applied_payment_is_rejected() -> None:
    given(PAYMENT, *PAYMENTS["applied"]).when(REQUEST_REFUND).then_rejected(PaymentIsApplied())


def test_requesting_a_refund_of_no_payment_is_rejected() -> None:
    given(PAYMENT).when(REQUEST_REFUND).then_rejected(PaymentNotFound())
