"""Many bookings want the same seats at once."""

import asyncio
from collections import Counter
from random import Random

import asyncpg
import pytest

from eventstore.postgres.verify import verify_log
from tests.support.builders import CONCERT, HOLD, PRICE, concert
from ticketing.ids import BookingId
from ticketing.reservations.api import Refusal, Reserved, SeatsUnavailable
from ticketing.reservations.postgres import PostgresReservations
from ticketing.seats import Seat
from ticketing.verification.postgres import PostgresVerification

SEATS_PER_ROW = 50
ROW = tuple(Seat(row=1, number=number) for number in range(1, SEATS_PER_ROW + 1))


@pytest.fixture(autouse=True)
async def _on_sale(pool: asyncpg.Pool) -> None:
    await PostgresReservations(pool).add_concert(concert(CONCERT, PRICE, HOLD, 1, SEATS_PER_ROW))


async def reserve_at_once(
    service: PostgresReservations, wanted: dict[BookingId, tuple[Seat, ...]]
) -> dict[BookingId, Reserved | Refusal]:
    async with asyncio.TaskGroup() as group:
        calls = {
            booking_id: group.create_task(service.reserve(booking_id, 1, CONCERT, seats))
            for booking_id, seats in wanted.items()
        }
    return {booking_id: call.result() for booking_id, call in calls.items()}


async def test_of_200_overlapping_bookings_each_seat_goes_to_one(pool: asyncpg.Pool) -> None:
    random = Random(7)  # unsorted on purpose: the service has to sort
    wanted = {BookingId(f"b{one}"): tuple(random.sample(ROW, 10)) for one in range(200)}
    service = PostgresReservations(pool)
    answers = await reserve_at_once(service, wanted)
    winners = [one for one, answer in answers.items() if isinstance(answer, Reserved)]
    assert winners
    sold = Counter(seat for one in winners for seat in wanted[one])
    assert set(sold.values()) == {1}
    held = {one.seat: one.booking_id for one in await service.seats(CONCERT) if one.booking_id}
    assert held == {seat: one for one in winners for seat in wanted[one]}
    for one, answer in answers.items():
        if isinstance(answer, SeatsUnavailable):  # others of its seats may have been sold later
            assert answer.seats
            assert set(answer.seats) <= set(wanted[one]) & set(sold)
        else:
            assert isinstance(answer, Reserved)
    assert await PostgresVerification(pool, verify_log).verify_business() == ()


async def test_without_the_constraint_a_seat_held_twice_is_found(pool: asyncpg.Pool) -> None:
    await pool.execute("ALTER TABLE reservations.hold DROP CONSTRAINT hold_one_per_seat")
    service = PostgresReservations(pool)
    wanted = {BookingId("ann"): ROW[:1], BookingId("ben"): ROW[:1]}
    answers = await reserve_at_once(service, wanted)
    assert all(isinstance(answer, Reserved) for answer in answers.values())
    missing, twice = await PostgresVerification(pool, verify_log).verify_business()
    assert missing.check == "seat_constraint_missing"
    assert twice.check == "seat_held_twice"
    assert twice.booking_ids == ("ann", "ben")
