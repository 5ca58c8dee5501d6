"""Deadlines are instants of the one clock, the database's."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tests.support.clock import Clock
from ticketing.ids import BookingId, ConcertId
from ticketing.money import Money
from ticketing.reservations.api import Concert, PriceZone, Reserved
from ticketing.reservations.postgres import PostgresReservations
from ticketing.seats import Seat

CONCERT = ConcertId("concertA")
A_DAY = timedelta(days=1)
BEFORE_SUMMER_TIME = datetime(2031, 3, 29, 20, tzinfo=UTC)  # clocks go forward that night
BEFORE_WINTER_TIME = datetime(2031, 10, 25, 20, tzinfo=UTC)
ON_SALE = Concert(
    concert_id=CONCERT,
    title="Chamber music",
    starts_at=datetime(2032, 1, 1, 20, tzinfo=UTC),
    currency="EUR",
    hold=A_DAY,
    zones=(
        PriceZone(
            first_row=1, last_row=1, seats_per_row=5, price=Money(amount_minor=500, currency="EUR")
        ),
    ),
)


async def deadline(pool: asyncpg.Pool) -> datetime:
    service = PostgresReservations(pool)
    await service.add_concert(ON_SALE)
    answer = await service.reserve(BookingId("b1"), 1, CONCERT, (Seat(row=1, number=1),))
    assert isinstance(answer, Reserved)
    assert answer.expires_at is not None
    return answer.expires_at


async def test_h9_only_the_database_stamps_a_deadline(pool: asyncpg.Pool, clock: Clock) -> None:
    await clock.advance(timedelta(days=400))
    before: datetime = await pool.fetchval("SELECT es.now()")
    expires_at = await deadline(pool)
    assert before + A_DAY <= expires_at <= await pool.fetchval("SELECT es.now()") + A_DAY


@pytest.mark.parametrize("now", [BEFORE_SUMMER_TIME, BEFORE_WINTER_TIME])
async def test_h10_a_hold_of_a_day_has_24_hours_when_the_clocks_change(
    database: str, clock: Clock, now: datetime
) -> None:
    async with asyncpg.create_pool(
        database, min_size=1, max_size=1, server_settings={"timezone": "Europe/Berlin"}
    ) as pool:
        await clock.set_offset(now - datetime.now(UTC))
        expires_at = await deadline(pool)
        assert timedelta() <= expires_at - now - A_DAY < timedelta(minutes=1)
