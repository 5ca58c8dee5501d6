import pytest

from tests.support.controls import BOOKINGS, MOONLIGHT, NEXT_SEAT, OTHER_SEAT, PLACE, PLACED, SEAT
from tests.support.spec import given
from ticketing.booking import rejections
from ticketing.booking.commands import PlaceBooking
from ticketing.booking.decider import BOOKING, SEATS_PER_BOOKING_MAX
from ticketing.booking.events import BookingEvent
from ticketing.ids import ClientId, ConcertId
from ticketing.seats import Seat

any_booking = pytest.mark.parametrize("history", BOOKINGS.values(), ids=BOOKINGS.keys())


def place(*seats: Seat) -> PlaceBooking:
    return PLACE.model_copy(update={"seats": seats})


def row_of(count: int) -> tuple[Seat, ...]:
    return tuple(Seat(row=1, number=number) for number in range(1, count + 1))


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
    given(BOOKING, *history).when(other).then_rejected(rejections.BookingAlreadyExists())


@pytest.mark.parametrize(
    ("seats", "rejection"),
    [
        ((), rejections.NoSeatsRequested()),
        (row_of(11), rejections.TooManySeats(limit=10)),
        (
            (NEXT_SEAT, SEAT, NEXT_SEAT, SEAT, OTHER_SEAT),
            rejections.DuplicateSeats(seats=(SEAT, NEXT_SEAT)),
        ),
        ((*row_of(11), *row_of(1)), rejections.DuplicateSeats(seats=row_of(1))),
    ],
    ids=["none", "one too many", "twice", "twice and too many"],
)
def test_placing_other_groups_is_rejected(
    seats: tuple[Seat, ...], rejection: rejections.BookingRejection
) -> None:
    given(BOOKING).when(place(*seats)).then_rejected(rejection)


@pytest.mark.parametrize("seats", [(SEAT,), row_of(SEATS_PER_BOOKING_MAX)])
def test_one_seat_up_to_the_largest_group_can_be_placed(seats: tuple[Seat, ...]) -> None:
    given(BOOKING).when(place(*seats)).then(PLACED.model_copy(update={"seats": seats}))
