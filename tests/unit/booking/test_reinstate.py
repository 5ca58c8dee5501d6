import pytest

from tests.support.controls import (
    BOOKINGS,
    NEXT_SEAT,
    OTHER_PAYMENT_ID,
    OTHER_SEAT,
    PAID,
    PAYMENT_ID,
    PRICE,
    REINSTATE,
    REINSTATED,
    REINSTATED_BOOKING,
    SEAT,
    SEATS,
    SETTLED,
    SETTLED_FREE_BOOKING,
    TICKETS,
    TOTAL,
    euros,
    tickets,
)
from tests.support.spec import given
from ticketing.booking.decider import BOOKING
from ticketing.booking.events import BookingEvent
from ticketing.booking.rejections import (
    BookingIsAlreadySettled,
    BookingIsCancelled,
    BookingIsDenied,
    BookingIsNotExpired,
    BookingNotFound,
    BookingRejection,
    PaymentAmountMismatch,
    TicketsDoNotMatchSeats,
)
from ticketing.money import Money
from ticketing.seats import Ticket

OTHER_PAYMENT = REINSTATE.model_copy(update={"payment_id": OTHER_PAYMENT_ID})
EXPIRED_BOOKING = BOOKINGS["expired"]


def test_reinstating_an_expired_booking_pays_and_settles_it() -> None:
    given(BOOKING, *EXPIRED_BOOKING).when(REINSTATE).then(REINSTATED, PAID, SETTLED)


def test_tickets_are_recorded_in_the_order_of_seats() -> None:
    backwards = REINSTATE.model_copy(update={"tickets": TICKETS[::-1]})
    given(BOOKING, *EXPIRED_BOOKING).when(backwards).then(REINSTATED, PAID, SETTLED)


@pytest.mark.parametrize(
    "wrong",
    [
        (),
        tickets(PRICE, SEAT),
        tickets(PRICE, SEAT, OTHER_SEAT),
        (*tickets(PRICE, SEAT), *tickets(Money(amount_minor=1500, currency="CHF"), NEXT_SEAT)),
    ],
    ids=["none", "one missing", "another seat", "two currencies"],
)
def test_reinstating_with_wrong_tickets_is_rejected(wrong: tuple[Ticket, ...]) -> None:
    reinstate = REINSTATE.model_copy(update={"tickets": wrong})
    given(BOOKING, *EXPIRED_BOOKING).when(reinstate).then_rejected(TicketsDoNotMatchSeats())


def test_the_price_first_confirmed_counts_even_if_tickets_cost_more_now() -> None:
    dearer = tickets(euros(20), *SEATS)
    given(BOOKING, *EXPIRED_BOOKING).when(REINSTATE.model_copy(update={"tickets": dearer})).then(
        REINSTATED, PAID, SETTLED
    )


def test_reinstating_for_another_amount_is_rejected() -> None:
    given(BOOKING, *EXPIRED_BOOKING).when(
        REINSTATE.model_copy(update={"amount": euros(40)})
    ).then_rejected(PaymentAmountMismatch(expected=TOTAL, received=euros(40)))


@pytest.mark.parametrize(
    "history", [BOOKINGS["settled"], REINSTATED_BOOKING], ids=["settled", "reinstated"]
)
def test_reinstating_for_the_same_payment_again_changes_nothing(
    history: tuple[BookingEvent, ...],
) -> None:
    given(BOOKING, *history).when(REINSTATE).then_nothing()


@pytest.mark.parametrize(
    ("history", "rejection"),
    [
        ((), BookingNotFound()),
        (BOOKINGS["awaiting_confirmation"], BookingIsNotExpired()),
        (BOOKINGS["confirmed"], BookingIsNotExpired()),
        (BOOKINGS["denied"], BookingIsDenied()),
        (BOOKINGS["cancelled"], BookingIsCancelled()),
        (BOOKINGS["settled"], BookingIsAlreadySettled(payment_id=PAYMENT_ID)),
        (REINSTATED_BOOKING, BookingIsAlreadySettled(payment_id=PAYMENT_ID)),
        (SETTLED_FREE_BOOKING, BookingIsAlreadySettled(payment_id=None)),
    ],
    ids=[
        "no booking",
        "awaiting",
        "confirmed",
        "denied",
        "cancelled",
        "settled",
        "reinstated",
        "settled free",
    ],
)
def test_reinstating_is_rejected_unless_expired(
    history: tuple[BookingEvent, ...], rejection: BookingRejection
) -> None:
    given(BOOKING, *history).when(OTHER_PAYMENT).then_rejected(rejection)
