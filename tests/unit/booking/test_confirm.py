from typing import Literal

import pytest

from tests.support.controls import (
    BOOKINGS,
    CONFIRM,
    CONFIRMED,
    CONFIRMED_FOR_EVER,
    CONFIRMED_FREE,
    DEADLINE,
    FREE_TICKETS,
    NEXT_SEAT,
    OTHER_SEAT,
    PAYMENT_ID,
    PLACED,
    PRICE,
    REINSTATE,
    SEAT,
    SECOND,
    SETTLED,
    SETTLED_FREE_BOOKING,
    TICKETS,
    euros,
    tickets,
)
from tests.support.spec import given
from ticketing.booking.commands import ConfirmBooking
from ticketing.booking.decider import BOOKING
from ticketing.booking.rejections import (
    BookingIsAlreadyConfirmed,
    BookingIsAlreadySettled,
    TicketsDoNotMatchSeats,
)
from ticketing.money import Money
from ticketing.seats import Ticket

CONFIRM_FREE = CONFIRM.model_copy(update={"tickets": FREE_TICKETS})
CONFIRM_FOR_EVER = CONFIRM.model_copy(update={"expires_at": None})


def test_confirming_without_a_deadline_sets_none() -> None:
    given(BOOKING, PLACED).when(CONFIRM_FOR_EVER).then(CONFIRMED_FOR_EVER)


def test_confirming_a_free_booking_settles_it() -> None:
    given(BOOKING, PLACED).when(CONFIRM_FREE).then(CONFIRMED_FREE, SETTLED)


def test_tickets_are_recorded_in_the_order_of_seats() -> None:
    backwards = CONFIRM.model_copy(update={"tickets": TICKETS[::-1]})
    given(BOOKING, PLACED).when(backwards).then(CONFIRMED)


WRONG_TICKETS = {
    "none": (),
    "one missing": tickets(PRICE, SEAT),
    "one twice": tickets(PRICE, SEAT, SEAT),
    "another seat": tickets(PRICE, SEAT, OTHER_SEAT),
    "one too many": tickets(PRICE, SEAT, NEXT_SEAT, OTHER_SEAT),
    "two currencies": (
        *tickets(PRICE, SEAT),
        *tickets(Money(amount_minor=1500, currency="CHF"), NEXT_SEAT),
    ),
}


@pytest.mark.parametrize("wrong", WRONG_TICKETS.values(), ids=WRONG_TICKETS.keys())
def test_wrong_tickets_are_rejected(wrong: tuple[Ticket, ...]) -> None:
    for history, command in (
        (BOOKINGS["awaiting_confirmation"], CONFIRM),
        (BOOKINGS["expired"], REINSTATE),
    ):
        changed = command.model_copy(update={"tickets": wrong})
        given(BOOKING, *history).when(changed).then_rejected(TicketsDoNotMatchSeats())


@pytest.mark.parametrize("status", ["confirmed", "settled"])
def test_the_order_of_tickets_changes_nothing(status: Literal["confirmed", "settled"]) -> None:
    again = CONFIRM.model_copy(update={"tickets": TICKETS[::-1]})
    given(BOOKING, *BOOKINGS[status]).when(again).then_nothing()


def test_confirming_a_settled_free_booking_again_changes_nothing() -> None:
    given(BOOKING, *SETTLED_FREE_BOOKING).when(CONFIRM_FREE).then_nothing()


@pytest.mark.parametrize(
    "other",
    [
        CONFIRM.model_copy(update={"tickets": tickets(euros(16), SEAT, NEXT_SEAT)}),
        CONFIRM.model_copy(update={"expires_at": DEADLINE + SECOND}),
        CONFIRM_FOR_EVER,
    ],
    ids=["other price", "other deadline", "no deadline"],
)
def test_confirming_something_else_is_rejected(other: ConfirmBooking) -> None:
    given(BOOKING, *BOOKINGS["confirmed"]).when(other).then_rejected(BookingIsAlreadyConfirmed())
    given(BOOKING, *BOOKINGS["settled"]).when(other).then_rejected(
        BookingIsAlreadySettled(payment_id=PAYMENT_ID)
    )
