"""A rejection survives JSON and Temporal: one left out of its union would crash a process."""

from collections.abc import Sequence
from types import ModuleType
from typing import get_args

import pytest
from pydantic import TypeAdapter

from tests.support.controls import BOOKING_ID, DEADLINE, PAYMENT_ID, SEATS, TOTAL, euros
from ticketing.booking import rejections as booking
from ticketing.booking.rejections import BookingRejection
from ticketing.decider import Rejection
from ticketing.payment import rejections as payment
from ticketing.payment.rejections import PaymentRejection
from workflows.encryption import data_converter

BOOKING_REJECTIONS: Sequence[BookingRejection] = (
    booking.BookingNotFound(),
    booking.BookingAlreadyExists(),
    booking.NoSeatsRequested(),
    booking.DuplicateSeats(seats=SEATS),
    booking.TooManySeats(limit=10),
    booking.TicketsDoNotMatchSeats(),
    booking.BookingIsNotConfirmed(),
    booking.BookingIsAlreadyConfirmed(),
    booking.BookingIsDenied(),
    booking.BookingIsCancelled(),
    booking.BookingIsExpired(),
    booking.BookingIsNotExpired(),
    booking.BookingIsAlreadySettled(payment_id=PAYMENT_ID),
    booking.BookingIsAlreadySettled(payment_id=None),
    booking.PaymentAmountMismatch(expected=TOTAL, received=euros(29)),
    booking.BookingNeverExpires(),
    booking.TooEarlyToExpire(expires_at=DEADLINE),
)
PAYMENT_REJECTIONS: Sequence[PaymentRejection] = (
    payment.PaymentNotFound(),
    payment.PaymentAlreadyReceived(),
    payment.PaymentIsNotReceived(),
    payment.PaymentIsForAnotherBooking(booking_id=BOOKING_ID),
    payment.PaymentIsApplied(),
    payment.PaymentIsNotBeingRefunded(),
    payment.PaymentRefundIsRequested(reason="booking_expired"),
    payment.PaymentIsRefunded(refund_ref="refund 7"),
)
BOOKING_MEMBERS = get_args(get_args(BookingRejection)[0])
PAYMENT_MEMBERS = get_args(get_args(PaymentRejection)[0])

each_of_both = pytest.mark.parametrize(
    ("rejection", "union"),
    [(rejection, BookingRejection) for rejection in BOOKING_REJECTIONS]
    + [(rejection, PaymentRejection) for rejection in PAYMENT_REJECTIONS],
    ids=str,
)


def left_out(module: ModuleType, members: Sequence[type]) -> set[str]:
    """The module's rejections that its union forgot."""
    classes = {value for value in vars(module).values() if isinstance(value, type)}
    rejections = {member for member in classes if issubclass(member, Rejection)} - {Rejection}
    return {rejection.__name__ for rejection in rejections.difference(members)}


@each_of_both
def test_fault_6_every_rejection_survives_json(rejection: Rejection, union: type) -> None:
    adapter = TypeAdapter[Rejection](union)
    assert adapter.validate_json(adapter.dump_json(rejection)) == rejection


@each_of_both
def test_fault_6_every_rejection_survives_temporal(rejection: Rejection, union: type) -> None:
    converter = data_converter().payload_converter
    assert converter.from_payloads(converter.to_payloads([rejection]), [union]) == [rejection]


def test_fault_6_every_rejection_is_in_its_union_and_in_these_examples() -> None:
    assert left_out(booking, BOOKING_MEMBERS) == left_out(payment, PAYMENT_MEMBERS) == set()
    assert {type(rejection) for rejection in BOOKING_REJECTIONS} == set(BOOKING_MEMBERS)
    assert {type(rejection) for rejection in PAYMENT_REJECTIONS} == set(PAYMENT_MEMBERS)


def test_a_rejection_missing_from_its_union_would_be_found() -> None:
    last = BOOKING_MEMBERS[-1]
    assert left_out(booking, BOOKING_MEMBERS[:-1]) == {last.__name__}
