"""Ids, seats and money."""

import time
from uuid import UUID

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.support.controls import NEXT_SEAT, OTHER_SEAT, PLACE, SEAT, euros
from ticketing import ids
from ticketing.booking.commands import PlaceBooking
from ticketing.errors import CurrencyMismatchError
from ticketing.money import Money, total_of
from ticketing.process import new_id
from ticketing.seats import Seat

ONE_FRANC = Money(amount_minor=100, currency="CHF")


@pytest.mark.parametrize("number", [True, "500", 1e9, 500.0])
def test_what_only_looks_like_a_number_is_no_amount_and_no_seat(number: object) -> None:
    with pytest.raises(ValidationError):
        Money.model_validate({"amount_minor": number, "currency": "EUR"})
    with pytest.raises(ValidationError):
        Seat.model_validate({"row": number, "number": 1})


@pytest.mark.parametrize("text", ["a", "ada-1", "Ada_1", "x" * 64])
def test_an_id_is_a_short_word(text: str) -> None:
    assert TypeAdapter(ids.BookingId).validate_python(text) == text


@pytest.mark.parametrize("text", ["", "x" * 65, "ada 1", "ada/1", "ada\n", "ädä"])
def test_anything_else_is_no_id(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(ids.BookingId).validate_python(text)


def test_a_stream_is_named_after_its_entity() -> None:
    assert ids.booking_stream(ids.BookingId("ada-1")) == "booking-ada-1"
    assert ids.payment_stream(ids.PaymentId("bank-7")) == "payment-bank-7"


def test_the_same_step_of_the_same_process_is_the_same_command() -> None:
    first = ids.command_id("booking-ada-1", "confirm_booking")
    assert ids.command_id("booking-ada-1", "confirm_booking") == first
    assert ids.command_id("booking-ada-1", "deny_booking") != first
    assert ids.command_id("booking-ada-2", "confirm_booking") != first


def test_a_new_id_is_a_uuid_of_version_7_that_tells_its_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    made = UUID(new_id())
    after = time.time_ns() // 1_000_000
    assert made.version == 7
    assert before <= made.int >> 80 <= after


def test_new_ids_differ() -> None:
    assert len({new_id() for _ in range(1000)}) == 1000


def test_a_seat_is_read_as_it_is_printed() -> None:
    assert Seat.parse("3-14") == SEAT
    assert str(SEAT) == "3-14"


@pytest.mark.parametrize("text", ["", "3", "3-", "0-1", "1-0", "-3-14", "3-14-1", "a-b", "3 - 14"])
def test_anything_else_is_no_seat(text: str) -> None:
    with pytest.raises(ValueError, match="is not a seat"):
        Seat.parse(text)


def test_seats_are_sorted_by_row_then_number() -> None:
    assert sorted([OTHER_SEAT, NEXT_SEAT, SEAT]) == [SEAT, NEXT_SEAT, OTHER_SEAT]
    assert OTHER_SEAT > NEXT_SEAT >= SEAT


def test_money_adds_up_and_prints_for_people() -> None:
    total = total_of([euros(15), Money(amount_minor=5, currency="EUR")])
    assert total == Money(amount_minor=1505, currency="EUR")
    assert str(total) == "15.05 EUR"


def test_adding_two_currencies_is_a_defect() -> None:
    with pytest.raises(CurrencyMismatchError):
        total_of([euros(1), ONE_FRANC])


@pytest.mark.parametrize(("amount", "currency"), [(-1, "EUR"), (1, "eur"), (1, "EURO"), (1, "")])
def test_debts_and_unknown_currencies_are_no_money(amount: int, currency: str) -> None:
    with pytest.raises(ValidationError):
        Money(amount_minor=amount, currency=currency)


def test_an_unknown_field_is_an_error() -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        PlaceBooking.model_validate({**PLACE.model_dump(), "price": 0})
