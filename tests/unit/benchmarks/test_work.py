"""The same seed asks for the same, and what is counted is what it is called."""

from random import Random

import pytest

from benchmarks.compare.faults import KINDS
from benchmarks.compare.measure import LOOKS, OTHER, purpose
from benchmarks.compare.work import customers
from eventstore.postgres import checkpoints, log
from ticketing.notifications import postgres as notifications
from ticketing.payment_provider import postgres as notices
from ticketing.reservations import postgres as reservations
from ticketing.views import postgres as views

STATEMENTS = {
    log.LOAD: "loads",
    log.APPEND: "appends",
    log.READ_STREAM: "reads",
    log.READ_SLICES: "looks",
    checkpoints.ADVANCE: "checkpoints",
    checkpoints.PARKED_STREAMS: "checkpoints",
    checkpoints.HEARTBEAT: "members",
    checkpoints.CLAIM: "members",
    views.OVERDUE: "sweeps",
    views.UNCONFIRMED: "sweeps",
    views.TO_REMIND: "sweeps",
    views.UNDER_WAY: "sweeps",
    views.PUT: "views",
    reservations.HOLD: "seats",
    notifications.MARK: "mail",
    notices.STORE: "notices",
}


def wanted(seed: int) -> list[object]:
    return list(customers("steady", seed, 50, every=0.1, concerts=["a", "b"], leave=0.25))


def test_the_same_seed_asks_for_the_same() -> None:
    assert wanted(1) == wanted(1)
    assert wanted(1) != wanted(2)


def test_no_two_customers_of_a_crowd_want_the_same_seat() -> None:
    crowd = customers("steady", 1, 50, every=0.1, concerts=["a", "b"], leave=0.25)
    seats = [
        (customer.request.concert_id, seat) for customer in crowd for seat in customer.request.seats
    ]
    assert len(seats) == len({*seats})


def test_every_kind_of_customer_comes_in_a_complete_run() -> None:
    drawn = Random("1 faults").choices(list(KINDS), weights=list(KINDS.values()), k=150)
    assert {*drawn} == {*KINDS}


@pytest.mark.parametrize(("query", "name"), STATEMENTS.items(), ids=STATEMENTS.values())
def test_a_statement_is_counted_for_its_purpose(query: str, name: str) -> None:
    assert purpose(" ".join(query.split())) == name


def test_a_statement_nobody_knows_counts_as_caused_by_a_booking() -> None:
    assert purpose("SELECT something new") == OTHER
    assert OTHER not in LOOKS
