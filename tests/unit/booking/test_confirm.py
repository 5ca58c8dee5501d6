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
    REINSTATED_BOOKING,
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
from ticketing.booking.events import BookingEvent
from ticketing.booking.rejections import (
    BookingIsAlreadyConfirmed,
    BookingIsAlreadySettled,
    BookingIsCancelled,
    BookingIsDenied,
    BookingIsExpired,
    BookingNotFound,
    BookingRejection,
    TicketsDoNotMatchSeats,
)
from ticketing.money import Money
from ticketing.seats import Ticket

CONFIRM_FREE = CONFIRM.model_copy(update={"tickets": FREE_TICKETS})
CONFIRM_FOR_EVER = CONFIRM.model_copy(update={"expires_at": None})
OTHER_CONFIRMATIONS = pytest.mark.parametrize(
    "other",
    [
        CONFIRM.model_copy(update={"tickets": tickets(euros(16), SEAT, NEXT_SEAT)}),
        CONFIRM.model_copy(update={"expires_at": DEADLINE + SECOND}),
        CONFIRM_FOR_EVER,
    ],
    ids=["other price", "other deadline", "no deadline"],
)


def test_confirming_prices_the_seats_and_sets_the_deadline() -> None:
    given(BOOKING, PLACED).when(CONFIRM).then(CONFIRMED)


def test_confirming_without_a_deadline_sets_none() -> None:
    given(BOOKING, PLACED).when(CONFIRM_FOR_EVER).then(CONFIRMED_FOR_EVER)


def test_confirming_a_free_booking_settles_it() -> None:
    given(BOOKING, PLACED).when(CONFIRM_FREE).then(CONFIRMED_FREE, SETTLED)


def test_tickets_are_recorded_in_the_order_of_seats() -> None:
    backwards = CONFIRM.model_copy(update={"tickets": TICKETS[::-1]})
    given(BOOKING, PLACED).when(backwards).then(CONFIRMED)


@pytest.mark.parametrize(
    "wrong",
    [
        (),
        tickets(PRICE, SEAT),
        tickets(PRICE, SEAT, SEAT),
        tickets(PRICE, SEAT, OTHER_SEAT),
        tickets(PRICE, SEAT, NEXT_SEAT, OTHER_SEAT),
        (*tickets(PRICE, SEAT), *tickets(Money(amount_minor=1500, currency="CHF"), NEXT_SEAT)),
    ],
    ids=["none", "one missing", "one twice", "another seat", "one too many", "two currencies"],
)
def test_confirming_with_wrong_tickets_is_rejected(wrong: tuple[Ticket, ...]) -> None:
    confirm = CONFIRM.model_copy(update={"tickets": wrong})
    given(BOOKING, PLACED).when(confirm).then_rejected(TicketsDoNotMatchSeats())


@pytest.mark.parametrize("status", ["confirmed", "settled"])
@pytest.mark.parametrize("order", [1, -1])
def test_confirming_the_same_again_changes_nothing(
    status: Literal["confirmed", "settled"], order: int
) -> None:
    again = CONFIRM.model_copy(update={"tickets": TICKETS[::order]})
    given(BOOKING, *BOOKINGS[status]).when(again).then_nothing()


def test_confirming_a_settled_free_booking_again_changes_nothing() -> None:
    given(BOOKING, *SETTLED_FREE_BOOKING).when(CONFIRM_FREE).then_nothing()


def test_confirming_a_reinstated_booking_again_changes_nothing() -> None:
    given(BOOKING, *REINSTATED_BOOKING).when(CONFIRM).then_nothing()


@OTHER_CONFIRMATIONS
def test_confirming_something_else_after_confirmation_is_rejected(other: ConfirmBooking) -> None:
    given(BOOKING, *BOOKINGS["confirmed"]).when(other).then_rejected(BookingIsAlreadyConfirmed())


@OTHER_CONFIRMATIONS
def test_confirming_something_else_after_settlement_is_rejected(other: ConfirmBooking) -> None:
    given(BOOKING, *BOOKINGS["settled"]).when(other).then_rejected(
        BookingIsAlreadySettled(payment_id=PAYMENT_ID)
    )


@pytest.mark.parametrize(
    ("history", "rejection"),
    [
        ((), BookingNotFound()),
        (BOOKINGS["denied"], BookingIsDenied()),
        (BOOKINGS["cancelled"], BookingIsCancelled()),
        (BOOKINGS["expired"], BookingIsExpired()),
    ],
    ids=["no booking", "denied", "cancelled", "expired"],
)
def test_confirming_is_rejected_where_there_is_nothing_to_confirm(
    history: tuple[BookingEvent, ...], rejection: BookingRejection
) -> None:
    given(BOOKING, *history).when(CONFIRM).then_rejected(rejection)
