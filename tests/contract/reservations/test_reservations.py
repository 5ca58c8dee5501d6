"""The promises of `ReservationService` and of its inventory, by every implementation."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from tests.support.builders import CONCERT, HOLD, concert
from ticketing.errors import ReservationMismatchError
from ticketing.ids import BookingId, ConcertId
from ticketing.money import Money
from ticketing.reservations import api
from ticketing.reservations.memory import MemoryReservations
from ticketing.reservations.postgres import PostgresReservations
from ticketing.seats import Seat, Ticket

Reservations = MemoryReservations | PostgresReservations

ANN, BEN = BookingId("ann"), BookingId("ben")
CHEAP, DEAR = Money(amount_minor=300, currency="EUR"), Money(amount_minor=500, currency="EUR")
FRONT = api.PriceZone(first_row=1, last_row=2, seats_per_row=5, price=DEAR)
BACK = api.PriceZone(first_row=3, last_row=4, seats_per_row=5, price=CHEAP)
ON_SALE = concert(CONCERT, DEAR, HOLD).model_copy(update={"zones": (FRONT, BACK)})


def seats(*texts: str) -> tuple[Seat, ...]:
    return tuple(map(Seat.parse, texts))


@pytest.fixture(autouse=True)
async def _on_sale(reservations: Reservations) -> None:
    await reservations.add_concert(ON_SALE)


async def holders(reservations: Reservations) -> dict[str, str]:
    held = await reservations.seats(CONCERT)
    return {str(one.seat): one.booking_id for one in held if one.booking_id is not None}


async def test_reserved_seats_come_with_prices_and_a_deadline(reservations: Reservations) -> None:
    before = datetime.now(UTC)
    answer = await reservations.reserve(ANN, 1, CONCERT, seats("3-1", "2-5"))
    assert isinstance(answer, api.Reserved)
    front, back = seats("2-5", "3-1")
    assert answer.tickets == (Ticket(seat=front, price=DEAR), Ticket(seat=back, price=CHEAP))
    assert answer.expires_at is not None
    assert before + HOLD <= answer.expires_at <= datetime.now(UTC) + HOLD
    assert await holders(reservations) == {"2-5": "ann", "3-1": "ann"}


async def test_without_a_hold_duration_there_is_no_deadline(reservations: Reservations) -> None:
    await reservations.add_concert(ON_SALE.model_copy(update={"hold": None}))
    answer = await reservations.reserve(ANN, 1, CONCERT, seats("1-1"))
    assert isinstance(answer, api.Reserved)
    assert answer.expires_at is None


async def test_the_loser_is_told_which_seats_and_holds_none(reservations: Reservations) -> None:
    await reservations.reserve(ANN, 1, CONCERT, seats("1-2", "1-4"))
    answer = await reservations.reserve(BEN, 1, CONCERT, seats("1-4", "1-3", "1-2", "1-1"))
    assert answer == api.SeatsUnavailable(seats=seats("1-2", "1-4"))
    assert await holders(reservations) == {"1-2": "ann", "1-4": "ann"}


async def test_fault_1_a_repeated_reserve_gets_its_own_seats(reservations: Reservations) -> None:
    first = await reservations.reserve(ANN, 1, CONCERT, seats("1-1", "1-2"))
    assert await reservations.reserve(ANN, 1, CONCERT, seats("1-2", "1-1")) == first
    assert isinstance(first, api.Reserved)


async def test_a_repeat_keeps_its_prices_and_its_deadline(reservations: Reservations) -> None:
    first = await reservations.reserve(ANN, 1, CONCERT, seats("1-1"))
    zones = (FRONT.model_copy(update={"price": CHEAP}), BACK)
    changed = {"zones": zones, "hold": None, "sales_open": False}
    await reservations.add_concert(ON_SALE.model_copy(update=changed))
    assert await reservations.reserve(ANN, 1, CONCERT, seats("1-1")) == first


async def test_a_refusal_is_the_first_answer_too(reservations: Reservations) -> None:
    await reservations.reserve(ANN, 1, CONCERT, seats("1-1"))
    refused = await reservations.reserve(BEN, 1, CONCERT, seats("1-1"))
    await reservations.release(ANN, 1)
    assert await reservations.reserve(BEN, 1, CONCERT, seats("1-1")) == refused
    assert isinstance(await reservations.reserve(BEN, 2, CONCERT, seats("1-1")), api.Reserved)


async def test_two_equal_reserves_at_once_get_one_answer(reservations: Reservations) -> None:
    async with asyncio.TaskGroup() as group:
        calls = [
            group.create_task(reservations.reserve(ANN, 1, CONCERT, seats("1-1", "1-2")))
            for _ in range(8)
        ]
    answers = [call.result() for call in calls]
    assert isinstance(answers[0], api.Reserved)
    assert all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize(
    ("concert", "texts"), [(CONCERT, ["1-2"]), (ConcertId("concertB"), ["1-1"])]
)
async def test_a_key_repeated_with_another_request_is_a_defect(
    reservations: Reservations, concert: ConcertId, texts: list[str]
) -> None:
    await reservations.reserve(ANN, 1, CONCERT, seats("1-1"))
    with pytest.raises(ReservationMismatchError):
        await reservations.reserve(ANN, 1, concert, seats(*texts))


async def test_what_is_not_on_sale_is_refused(reservations: Reservations) -> None:
    answer = await reservations.reserve(ANN, 1, ConcertId("nowhere"), seats("1-1"))
    assert answer == api.UnknownConcert()
    answer = await reservations.reserve(ANN, 2, CONCERT, seats("1-1", "5-1", "1-6"))
    assert answer == api.UnknownSeats(seats=seats("1-6", "5-1"))
    await reservations.add_concert(ON_SALE.model_copy(update={"sales_open": False}))
    assert await reservations.reserve(ANN, 3, CONCERT, seats("1-1")) == api.SalesClosed()
    assert await holders(reservations) == {}


async def test_release_frees_its_own_seats_and_can_be_repeated(reservations: Reservations) -> None:
    await reservations.reserve(ANN, 1, CONCERT, seats("1-1"))
    await reservations.reserve(ANN, 2, CONCERT, seats("1-2"))
    await reservations.reserve(BEN, 1, CONCERT, seats("1-3"))
    assert await reservations.release(ANN, 1) == api.Released()
    assert await reservations.release(ANN, 1) == api.Released()
    assert await holders(reservations) == {"1-2": "ann", "1-3": "ben"}


async def test_fault_3_reserve_after_release_holds_nothing(reservations: Reservations) -> None:
    assert await reservations.release(ANN, 1) == api.NothingToRelease()
    answer = await reservations.reserve(ANN, 1, CONCERT, seats("1-1"))
    assert answer == api.ReservationWasReleased()
    await reservations.reserve(BEN, 1, CONCERT, seats("1-1"))
    await reservations.release(BEN, 1)
    answer = await reservations.reserve(BEN, 1, CONCERT, seats("1-1"))
    assert answer == api.ReservationWasReleased()
    assert await holders(reservations) == {}


@pytest.mark.parametrize("first", ["reserve", "release"])
async def test_fault_3_both_at_once_leave_no_hold(reservations: Reservations, first: str) -> None:
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "reserve": lambda: reservations.reserve(ANN, 1, CONCERT, seats("1-1")),
        "release": lambda: reservations.release(ANN, 1),
    }

    async def call(name: str) -> None:
        await calls[name]()

    async with asyncio.TaskGroup() as group:
        for name in sorted(calls, reverse=first == "reserve"):
            group.create_task(call(name))
    assert await holders(reservations) == {}


async def test_a_plan_can_change_except_under_a_held_seat(reservations: Reservations) -> None:
    await reservations.reserve(ANN, 1, CONCERT, seats("3-1"))
    with pytest.raises(ValueError, match="held seat"):
        await reservations.add_concert(ON_SALE.model_copy(update={"zones": (FRONT,)}))
    assert await reservations.concerts() == (ON_SALE,)
    await reservations.release(ANN, 1)
    smaller = ON_SALE.model_copy(update={"zones": (FRONT,)})
    await reservations.add_concert(smaller)
    assert await reservations.concerts() == (smaller,)
    assert len(await reservations.seats(CONCERT)) == 10


@pytest.mark.parametrize(
    ("zone", "why"),
    [
        (FRONT, "two zones"),
        (api.PriceZone(first_row=9, last_row=8, seats_per_row=1, price=CHEAP), "none"),
        (
            api.PriceZone(
                first_row=9,
                last_row=9,
                seats_per_row=1,
                price=Money(amount_minor=1, currency="CHF"),
            ),
            "sells in EUR",
        ),
    ],
)
async def test_a_plan_that_contradicts_itself_is_refused(
    reservations: Reservations, zone: api.PriceZone, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        await reservations.add_concert(ON_SALE.model_copy(update={"zones": (FRONT, zone)}))


async def test_concerts_come_by_start_and_only_they_have_seats(reservations: Reservations) -> None:
    sooner = ON_SALE.model_copy(
        update={"concert_id": ConcertId("z"), "starts_at": ON_SALE.starts_at - HOLD}
    )
    await reservations.add_concert(sooner)
    assert await reservations.concerts() == (sooner, ON_SALE)
    assert await reservations.seats(ConcertId("nowhere")) == ()
