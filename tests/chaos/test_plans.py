"""The checks of an attack have something to report when a booking does not end as planned."""

from datetime import timedelta
from random import Random

import pytest

from tests.chaos.plans import KINDS, Kind, plans, wrong_ends


@pytest.mark.parametrize("kind", KINDS)
def test_a_booking_that_ended_otherwise_is_reported(kind: Kind) -> None:
    planned = [plan for plan in plans(Random(1), 12, timedelta()) if plan.kind == kind]
    ends = {plan.booking_id: KINDS[kind][1] for plan in planned}
    if kind == "rivals":
        first = {plan.booking_id: "settled" for plan in planned if plan.request.client_id == "a"}
        ends = dict.fromkeys(ends, "denied") | first
    assert wrong_ends(planned, ends) == []
    for plan in planned:
        assert len(wrong_ends(planned, ends | {plan.booking_id: "confirmed"})) == 1
