"""Every command in every status: what is recorded, or why it is refused."""

from collections.abc import Sequence
from datetime import timedelta
from typing import get_args

import pytest

from tests.support.controls import (
    APPLIED,
    APPLY,
    BOOKING_ID,
    NOW,
    PAYMENTS,
    RECEIVE,
    RECEIVED,
    RECORD_REFUND,
    REFUND_REQUESTED,
    REFUNDED,
    REFUSE,
    REFUSED,
    REPORT,
    REPORTED,
    REQUEST_REFUND,
    euros,
)
from tests.support.spec import given
from ticketing.decider import Rejection
from ticketing.ids import BookingId
from ticketing.payment import events, rejections
from ticketing.payment.commands import PaymentCommand
from ticketing.payment.decider import PAYMENT
from ticketing.payment.state import PaymentStatus

HISTORIES: dict[str, Sequence[events.PaymentEvent]] = {
    "no payment": (),
    **{str(status): history for status, history in PAYMENTS.items()},
}
NOBODY, USED = rejections.PaymentNotFound(), rejections.PaymentIsApplied()
UNSEEN = rejections.PaymentIsNotReceived()
KEPT = rejections.PaymentIsNotBeingRefunded()
OTHERS = rejections.PaymentIsForAnotherBooking(booking_id=BOOKING_ID)
ASKED = rejections.PaymentRefundIsRequested(reason=REFUND_REQUESTED.reason)
BACK = rejections.PaymentIsRefunded(refund_ref=REFUNDED.refund_ref)
APPLY_TO_ANOTHER = APPLY.model_copy(update={"booking_id": BookingId("bob-1")})
FOR_ANOTHER_REASON = REQUEST_REFUND.model_copy(update={"reason": "amount_mismatch"})
ANOTHER_REFUND = RECORD_REFUND.model_copy(update={"refund_ref": "refund 8"})
REFUNDED_8 = events.PaymentRefunded(refund_ref="refund 8")
MISMATCH = events.PaymentRefundRequested(reason="amount_mismatch")

# In the order of HISTORIES: no payment, reported, refused, received, applied, refund requested,
# refunded.
Outcome = Sequence[events.PaymentEvent] | rejections.PaymentRejection
TABLE: dict[PaymentCommand, Sequence[Outcome]] = {
    REPORT: ([REPORTED], [], [REPORTED], [], [], [], []),
    REFUSE: ([REFUSED], [REFUSED], [], [REFUSED], USED, ASKED, BACK),
    RECEIVE: ([RECEIVED], [RECEIVED], [RECEIVED], [], [], [], []),
    APPLY: (NOBODY, UNSEEN, UNSEEN, [APPLIED], [], ASKED, BACK),
    APPLY_TO_ANOTHER: (NOBODY, OTHERS, OTHERS, OTHERS, OTHERS, OTHERS, OTHERS),
    REQUEST_REFUND: (NOBODY, UNSEEN, UNSEEN, [REFUND_REQUESTED], USED, [], []),
    FOR_ANOTHER_REASON: (NOBODY, UNSEEN, UNSEEN, [MISMATCH], USED, ASKED, BACK),
    RECORD_REFUND: (NOBODY, UNSEEN, UNSEEN, KEPT, USED, [REFUNDED], []),
    ANOTHER_REFUND: (NOBODY, UNSEEN, UNSEEN, KEPT, USED, [REFUNDED_8], BACK),
}
CASES = [
    pytest.param(command, history, outcome, id=f"{type(command).__name__}: {status}")
    for command, outcomes in TABLE.items()
    for (status, history), outcome in zip(HISTORIES.items(), outcomes, strict=True)
]


@pytest.mark.parametrize(("command", "history", "outcome"), CASES)
def test_each_status_answers_each_command(
    command: PaymentCommand, history: Sequence[events.PaymentEvent], outcome: Outcome
) -> None:
    decided = given(PAYMENT, *history).when(command)
    if isinstance(outcome, Rejection):
        decided.then_rejected(outcome)
    else:
        decided.then(*outcome)


def test_every_command_is_in_the_table() -> None:
    assert {type(command) for command in TABLE} == set(get_args(PaymentCommand))


@pytest.mark.parametrize("status", ["received", "applied", "refund_requested", "refunded"])
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
    status: PaymentStatus, change: dict[str, object]
) -> None:
    other = RECEIVE.model_copy(update=change)
    given(PAYMENT, *PAYMENTS[status]).when(other).then_rejected(rejections.PaymentAlreadyReceived())


@pytest.mark.parametrize("reason", get_args(events.RefundReason))
def test_requesting_a_refund_records_the_reason(reason: events.RefundReason) -> None:
    request = REQUEST_REFUND.model_copy(update={"reason": reason})
    given(PAYMENT, RECEIVED).when(request).then(events.PaymentRefundRequested(reason=reason))
