"""Which event may follow which state, and what it changes."""

from functools import reduce
from typing import get_args

import pytest

from tests.support.controls import (
    ADA,
    BOOKINGS,
    CANCELLED,
    CONFIRMED,
    CONFIRMED_FREE,
    DEADLINE,
    DENIED,
    EXPIRED,
    MOONLIGHT,
    PAID,
    PAYMENT_ID,
    PLACED,
    REINSTATED,
    REINSTATED_BOOKING,
    SEATS,
    SETTLED,
    TICKETS,
    TOTAL,
)
from ticketing.booking.events import BookingEvent, BookingStatus
from ticketing.booking.state import Booking, evolve
from ticketing.errors import ImpossibleTransition

EVENTS: tuple[BookingEvent, ...] = (
    PLACED,
    CONFIRMED,
    DENIED,
    CANCELLED,
    EXPIRED,
    PAID,
    SETTLED,
    REINSTATED,
)
HISTORIES: dict[str, tuple[BookingEvent, ...]] = {
    "no booking": (),
    **{str(status): history for status, history in BOOKINGS.items()},
    "paid": (PLACED, CONFIRMED, PAID),
    "free": (PLACED, CONFIRMED_FREE),
}
MAY_FOLLOW: dict[str, tuple[BookingEvent, ...]] = {
    "no booking": (PLACED,),
    "awaiting_confirmation": (CONFIRMED, DENIED, CANCELLED),
    "confirmed": (CANCELLED, EXPIRED, PAID),
    "denied": (),
    "cancelled": (),
    "expired": (REINSTATED,),
    "settled": (),
    "paid": (SETTLED,),
    "free": (SETTLED,),
}
CANNOT_FOLLOW = [
    pytest.param(history, event, id=f"{event.type} after {name}")
    for name, history in HISTORIES.items()
    for event in EVENTS
    if event not in MAY_FOLLOW[name]
]


def fold(*events: BookingEvent) -> Booking:
    booking = reduce(evolve, events, None)
    assert booking is not None
    return booking


def test_every_event_and_every_status_is_in_these_tables() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(BookingEvent))
    assert set(get_args(BookingStatus)) == set(BOOKINGS) <= set(MAY_FOLLOW)


@pytest.mark.parametrize("status", BOOKINGS)
def test_each_history_leads_to_its_status(status: BookingStatus) -> None:
    assert fold(*BOOKINGS[status]).status == status


@pytest.mark.parametrize("name", HISTORIES)
def test_an_event_that_may_follow_is_folded(name: str) -> None:
    for event in MAY_FOLLOW[name]:
        fold(*HISTORIES[name], event)


@pytest.mark.parametrize(("history", "event"), CANNOT_FOLLOW)
def test_another_event_is_a_defect(history: tuple[BookingEvent, ...], event: BookingEvent) -> None:
    before = reduce(evolve, history, None)
    with pytest.raises(ImpossibleTransition, match=f"{event.type} cannot follow"):
        evolve(before, event)


def test_placing_keeps_who_and_what() -> None:
    assert fold(PLACED) == Booking("awaiting_confirmation", ADA, MOONLIGHT, SEATS)


def test_confirming_keeps_tickets_total_and_deadline() -> None:
    booking = fold(PLACED, CONFIRMED)
    assert (booking.tickets, booking.total, booking.expires_at) == (TICKETS, TOTAL, DEADLINE)


def test_fault_5_a_denied_booking_folds_to_denied_not_to_cancelled() -> None:
    booking = fold(PLACED, DENIED)
    assert (booking.status, booking.reason) == ("denied", DENIED.reason)


@pytest.mark.parametrize("before", ["awaiting_confirmation", "confirmed"])
def test_cancelling_keeps_the_reason(before: BookingStatus) -> None:
    booking = fold(*BOOKINGS[before], CANCELLED)
    assert (booking.status, booking.reason) == ("cancelled", CANCELLED.reason)


def test_a_reinstated_booking_ends_settled_with_its_payment() -> None:
    booking = fold(*REINSTATED_BOOKING)
    assert (booking.status, booking.payment_id) == ("settled", PAYMENT_ID)
    assert (booking.tickets, booking.total) == (TICKETS, TOTAL)
