import pytest

from tests.support.controls import BOOKINGS, MOONLIGHT, NEXT_SEAT, OTHER_SEAT, PLACE, PLACED, SEAT
from tests.support.spec import given
from ticketing.booking.commands import PlaceBooking
from ticketing.booking.decider import BOOKING, SEATS_PER_BOOKING_MAX
from ticketing.booking.events import BookingEvent
from ticketing.booking.rejections import (
    BookingAlreadyExists,
    DuplicateSeats,
    NoSeatsRequested,
    TooManySeats,
)
from ticketing.ids import ClientId, ConcertId
from ticketing.seats import Seat

any_booking = pytest.mark.parametrize("history", BOOKINGS.values(), ids=BOOKINGS.keys())


def place(*seats: Seat) -> PlaceBooking:
    return PLACE.model_copy(update={"seats": seats})


def row_of(count: int) -> tuple[Seat, ...]:
    return tuple(Seat(row=1, number=number) for number in range(1, count + 1))


def test_placing_a_booking_records_it() -> None:
    given(BOOKING).when(PLACE).then(PLACED)


@any_booking
def test_placing_it_again_changes_nothing(history: tuple[BookingEvent, ...]) -> None:
    given(BOOKING, *history).when(PLACE).then_nothing()


@any_booking
def test_the_order_of_seats_makes_no_other_booking(history: tuple[BookingEvent, ...]) -> None:
    given(BOOKING, *history).when(place(NEXT_SEAT, SEAT)).then_nothing()


@any_booking
@pytest.mark.parametrize(
    "other",
    [
        place(SEAT),
        place(SEAT, OTHER_SEAT),
        PLACE.model_copy(update={"client_id": ClientId("bob")}),
        PLACE.model_copy(update={"concert_id": ConcertId(f"{MOONLIGHT}-2")}),
    ],
    ids=["fewer seats", "other seats", "other client", "other concert"],
)
def test_placing_something_else_under_a_taken_id_is_rejected(
    history: tuple[BookingEvent, ...], other: PlaceBooking
) -> None:
    given(BOOKING, *history).when(other).then_rejected(BookingAlreadyExists())


def test_placing_no_seats_is_rejected() -> None:
    given(BOOKING).when(place()).then_rejected(NoSeatsRequested())


def test_placing_one_seat_is_enough() -> None:
    given(BOOKING).when(place(SEAT)).then(PLACED.model_copy(update={"seats": (SEAT,)}))


def test_placing_a_seat_twice_is_rejected() -> None:
    given(BOOKING).when(place(NEXT_SEAT, SEAT, NEXT_SEAT, SEAT, OTHER_SEAT)).then_rejected(
        DuplicateSeats(seats=(SEAT, NEXT_SEAT))
    )


def test_the_largest_group_can_be_placed() -> None:
    seats = row_of(SEATS_PER_BOOKING_MAX)
    given(BOOKING).when(place(*seats)).then(PLACED.model_copy(update={"seats": seats}))


def test_placing_one_seat_more_is_rejected() -> None:
    given(BOOKING).when(place(*row_of(11))).then_rejected(TooManySeats(limit=10))


def test_duplicate_seats_are_told_before_too_many() -> None:
    given(BOOKING).when(place(*row_of(11), Seat(row=1, number=1))).then_rejected(
        DuplicateSeats(seats=(Seat(row=1, number=1),))
    )
