"""Whatever a booking is asked, in whatever order: promises that hold for every history."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.controls import (
    BOOKING_ID,
    CANCEL,
    CONFIRM,
    DEADLINE,
    DENY,
    EXPIRE,
    FREE,
    FREE_TICKETS,
    NEXT_SEAT,
    OTHER_PAYMENT_ID,
    OTHER_SEAT,
    PAYMENT_ID,
    PLACE,
    PRICE,
    SEAT,
    SECOND,
    TICKETS,
    TOTAL,
    euros,
    tickets,
)
from ticketing.booking import commands
from ticketing.booking.decider import decide
from ticketing.booking.events import BookingEvent, BookingPaid, BookingStatus
from ticketing.booking.state import Booking, evolve
from ticketing.decider import Rejection

FINAL: tuple[BookingStatus, ...] = ("denied", "cancelled", "settled")

SOME_TICKETS = st.sampled_from([TICKETS, TICKETS[::-1], FREE_TICKETS, tickets(PRICE, OTHER_SEAT)])
SOME_PAYMENT = st.sampled_from([PAYMENT_ID, OTHER_PAYMENT_ID])
SOME_AMOUNT = st.sampled_from([TOTAL, FREE, euros(29)])
COMMANDS: st.SearchStrategy[commands.BookingCommand] = st.one_of(
    st.builds(
        commands.PlaceBooking,
        booking_id=st.just(BOOKING_ID),
        client_id=st.just(PLACE.client_id),
        concert_id=st.just(PLACE.concert_id),
        seats=st.sampled_from([(SEAT, NEXT_SEAT), (OTHER_SEAT,), ()]),
    ),
    st.builds(
        commands.ConfirmBooking,
        booking_id=st.just(BOOKING_ID),
        tickets=SOME_TICKETS,
        expires_at=st.sampled_from([DEADLINE, None]),
    ),
    st.builds(
        commands.PayBooking,
        booking_id=st.just(BOOKING_ID),
        payment_id=SOME_PAYMENT,
        amount=SOME_AMOUNT,
    ),
    st.builds(
        commands.ReinstateBooking,
        booking_id=st.just(BOOKING_ID),
        payment_id=SOME_PAYMENT,
        amount=SOME_AMOUNT,
        tickets=SOME_TICKETS,
    ),
    st.sampled_from([PLACE, CONFIRM, DENY, CANCEL, EXPIRE]),
)
STEPS = st.lists(
    st.tuples(COMMANDS, st.sampled_from([DEADLINE - SECOND, DEADLINE])), min_size=3, max_size=25
)
Steps = Sequence[tuple[commands.BookingCommand, datetime]]


def accepted(steps: Steps) -> Iterator[tuple[Booking | None, Sequence[BookingEvent], Booking]]:
    """The booking before, what was recorded, and the booking after, of each accepted command."""
    booking: Booking | None = None
    for command, now in steps:
        outcome = decide(command, booking, now)
        if isinstance(outcome, Rejection) or not outcome:
            continue
        before = booking
        for event in outcome:
            booking = evolve(booking, event)
        assert booking is not None
        assert decide(command, booking, now) == (), "the same command twice is not an error"
        yield before, outcome, booking


@given(STEPS)
@settings(max_examples=300, deadline=None)
def test_no_command_leads_out_of_a_final_status(steps: Steps) -> None:
    for before, events, _ in accepted(steps):
        assert before is None or before.status not in FINAL, events


@given(STEPS)
@settings(max_examples=300, deadline=None)
def test_a_booking_is_paid_once_at_most_and_then_settled(steps: Steps) -> None:
    payments = 0
    for _, events, after in accepted(steps):
        payments += sum(isinstance(event, BookingPaid) for event in events)
        assert payments == (after.payment_id is not None)
        assert payments == 0 or after.status == "settled"
