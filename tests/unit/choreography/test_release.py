"""A booking that ended unsettled gives its seats back, and only its own."""

import pytest

from tests.support.controls import (
    BOOKING_ID,
    CANCELLED,
    CONFIRMED,
    DENIED,
    EXPIRED,
    PAID,
    PLACED,
    REINSTATED,
    SETTLED,
)
from tests.unit.choreography.office import BENS, Office
from ticketing.booking.events import BookingEvent

PROCESS = "SeatReleaseProcess"


@pytest.mark.parametrize("end", [EXPIRED, CANCELLED, DENIED], ids=lambda each: each.type)
async def test_fault_2_an_end_without_a_payment_frees_the_seats(
    office: Office, end: BookingEvent
) -> None:
    await office.confirmed()
    await office.deliver(end, PROCESS)
    assert await office.holders() == set()


@pytest.mark.parametrize(
    "event", [PLACED, CONFIRMED, PAID, SETTLED, REINSTATED], ids=lambda each: each.type
)
async def test_any_other_event_frees_nothing(office: Office, event: BookingEvent) -> None:
    await office.confirmed()
    await office.deliver(event, PROCESS)
    assert await office.holders() == {BOOKING_ID}


async def test_a_release_that_comes_late_frees_no_seat_of_the_next_booking(office: Office) -> None:
    await office.expired()
    await office.confirmed(booking_id=BENS)
    await office.deliver(EXPIRED, PROCESS)
    assert await office.holders() == {BENS}
