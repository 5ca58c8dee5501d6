from tests.support.controls import (
    BOOKINGS,
    PAID,
    REINSTATE,
    REINSTATED,
    SEATS,
    SETTLED,
    TICKETS,
    TOTAL,
    euros,
    tickets,
)
from tests.support.spec import given
from ticketing.booking.decider import BOOKING
from ticketing.booking.rejections import PaymentAmountMismatch

EXPIRED_BOOKING = BOOKINGS["expired"]


def test_tickets_are_recorded_in_the_order_of_seats() -> None:
    backwards = REINSTATE.model_copy(update={"tickets": TICKETS[::-1]})
    given(BOOKING, *EXPIRED_BOOKING).when(backwards).then(REINSTATED, PAID, SETTLED)


def test_the_price_first_confirmed_counts_even_if_tickets_cost_more_now() -> None:
    dearer = tickets(euros(20), *SEATS)
    given(BOOKING, *EXPIRED_BOOKING).when(REINSTATE.model_copy(update={"tickets": dearer})).then(
        REINSTATED, PAID, SETTLED
    )


def test_reinstating_for_another_amount_is_rejected() -> None:
    given(BOOKING, *EXPIRED_BOOKING).when(
        REINSTATE.model_copy(update={"amount": euros(40)})
    ).then_rejected(PaymentAmountMismatch(expected=TOTAL, received=euros(40)))
