"""Every command in every status: what is recorded, or why it is refused."""

from collections.abc import Sequence
from typing import get_args

import pytest

from tests.support.controls import (
    BOOKINGS,
    CANCEL,
    CANCELLED,
    CONFIRM,
    CONFIRMED,
    DEADLINE,
    DENIED,
    DENY,
    EXPIRE,
    EXPIRED,
    OTHER_PAYMENT_ID,
    PAID,
    PAY,
    PAYMENT_ID,
    PLACE,
    PLACED,
    REINSTATE,
    REINSTATED,
    REINSTATED_BOOKING,
    SETTLED,
    SETTLED_FREE_BOOKING,
)
from tests.support.spec import given
from ticketing.booking import rejections
from ticketing.booking.commands import BookingCommand
from ticketing.booking.decider import BOOKING
from ticketing.booking.events import BookingEvent
from ticketing.decider import Rejection

HISTORIES: dict[str, Sequence[BookingEvent]] = {
    "no booking": (),
    **{str(status): history for status, history in BOOKINGS.items()},
    "settled for free": SETTLED_FREE_BOOKING,
    "settled after all": REINSTATED_BOOKING,
}
NOBODY, WAITS = rejections.BookingNotFound(), rejections.BookingIsNotConfirmed()
LIVES = rejections.BookingIsNotExpired()
FIRM, NO = rejections.BookingIsAlreadyConfirmed(), rejections.BookingIsDenied()
GONE, LATE = rejections.BookingIsCancelled(), rejections.BookingIsExpired()
SOLD, FREE = (
    rejections.BookingIsAlreadySettled(payment_id=payment) for payment in (PAYMENT_ID, None)
)
OTHER = {"payment_id": OTHER_PAYMENT_ID}
PAY_AGAIN, REINSTATE_AGAIN = PAY.model_copy(update=OTHER), REINSTATE.model_copy(update=OTHER)
BY_OTHER: list[BookingEvent] = [PAID.model_copy(update=OTHER), SETTLED]

# In the order of HISTORIES: no booking, awaiting confirmation, confirmed; denied, cancelled,
# expired; settled, settled for free, settled after all.
Outcome = Sequence[BookingEvent] | rejections.BookingRejection
TABLE: dict[BookingCommand, Sequence[Outcome]] = {
    PLACE: ([PLACED], [], [], [], [], [], [], [], []),
    CONFIRM: (NOBODY, [CONFIRMED], [], NO, GONE, LATE, [], FREE, []),
    DENY: (NOBODY, [DENIED], FIRM, [], GONE, LATE, SOLD, FREE, SOLD),
    CANCEL: (NOBODY, [CANCELLED], [CANCELLED], [], [], [], SOLD, FREE, SOLD),
    EXPIRE: (NOBODY, WAITS, [EXPIRED], [], [], [], SOLD, FREE, SOLD),
    PAY: (NOBODY, WAITS, [PAID, SETTLED], NO, GONE, LATE, [], FREE, []),
    PAY_AGAIN: (NOBODY, WAITS, BY_OTHER, NO, GONE, LATE, SOLD, FREE, SOLD),
    REINSTATE: (NOBODY, LIVES, LIVES, NO, GONE, [REINSTATED, PAID, SETTLED], [], FREE, []),
    REINSTATE_AGAIN: (NOBODY, LIVES, LIVES, NO, GONE, [REINSTATED, *BY_OTHER], SOLD, FREE, SOLD),
}
CASES = [
    pytest.param(command, history, outcome, id=f"{type(command).__name__}: {status}")
    for command, outcomes in TABLE.items()
    for (status, history), outcome in zip(HISTORIES.items(), outcomes, strict=True)
]


@pytest.mark.parametrize(("command", "history", "outcome"), CASES)
def test_each_status_answers_each_command(
    command: BookingCommand, history: Sequence[BookingEvent], outcome: Outcome
) -> None:
    decided = given(BOOKING, *history).when(command, now=DEADLINE)
    if isinstance(outcome, Rejection):
        decided.then_rejected(outcome)
    else:
        decided.then(*outcome)


def test_every_command_is_in_the_table() -> None:
    assert {type(command) for command in TABLE} == set(get_args(BookingCommand))


def test_a_denial_for_another_reason_changes_nothing() -> None:
    other = DENY.model_copy(update={"reason": "the concert is off"})
    given(BOOKING, PLACED, DENIED).when(other).then_nothing()
