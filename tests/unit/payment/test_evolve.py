"""Which event may follow which state, and what it changes."""

from functools import reduce
from typing import get_args

import pytest

from tests.support.controls import (
    APPLIED,
    PAYMENTS,
    RECEIVED,
    REFUND_REQUESTED,
    REFUNDED,
    REFUSED,
    REPORTED,
)
from ticketing.errors import ImpossibleTransition
from ticketing.payment.events import PaymentEvent
from ticketing.payment.state import PaymentStatus, evolve

EVENTS: tuple[PaymentEvent, ...] = (
    REPORTED,
    REFUSED,
    RECEIVED,
    APPLIED,
    REFUND_REQUESTED,
    REFUNDED,
)
HISTORIES: dict[str, tuple[PaymentEvent, ...]] = {
    "no payment": (),
    **{str(status): history for status, history in PAYMENTS.items()},
}
MAY_FOLLOW: dict[str, tuple[PaymentEvent, ...]] = {
    "no payment": (REPORTED, REFUSED, RECEIVED),
    "reported": (REFUSED, RECEIVED),
    "refused": (REPORTED, RECEIVED),
    "received": (REFUSED, APPLIED, REFUND_REQUESTED),
    "applied": (),
    "refund_requested": (REFUNDED,),
    "refunded": (),
}
CANNOT_FOLLOW = [
    pytest.param(history, event, id=f"{event.type} after {name}")
    for name, history in HISTORIES.items()
    for event in EVENTS
    if event not in MAY_FOLLOW[name]
]


def test_every_event_and_every_status_is_in_these_tables() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(PaymentEvent))
    assert set(get_args(PaymentStatus)) == set(PAYMENTS)


@pytest.mark.parametrize("status", PAYMENTS)
def test_each_history_leads_to_its_status(status: PaymentStatus) -> None:
    payment = reduce(evolve, PAYMENTS[status], None)
    assert payment is not None
    assert payment.status == status
    assert (payment.capture is None) == (status in ("reported", "refused"))


@pytest.mark.parametrize(("history", "event"), CANNOT_FOLLOW)
def test_another_event_is_a_defect(history: tuple[PaymentEvent, ...], event: PaymentEvent) -> None:
    before = reduce(evolve, history, None)
    with pytest.raises(ImpossibleTransition, match=f"{event.type} cannot follow"):
        evolve(before, event)


def test_a_refunded_payment_keeps_the_reason_and_the_reference() -> None:
    refunded = reduce(evolve, PAYMENTS["refunded"], None)
    assert refunded is not None
    kept = (refunded.refund_reason, refunded.refund_ref)
    assert kept == (REFUND_REQUESTED.reason, REFUNDED.refund_ref)
