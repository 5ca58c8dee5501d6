"""Deadlines are instants of the one clock, the database's."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tests.support.builders import CONCERT, PRICE, concert
from tests.support.clock import Clock
from ticketing.ids import BookingId
from ticketing.reservations.api import Reserved
from ticketing.reservations.postgres import PostgresReservations
from ticketing.seats import Seat

A_DAY = timedelta(days=1)
BEFORE_SUMMER_TIME = datetime(2031, 3, 29, 20, tzinfo=UTC)  # clocks go forward that night
BEFORE_WINTER_TIME = datetime(2031, 10, 25, 20, tzinfo=UTC)


async def deadline(pool: asyncpg.Pool) -> datetime:
    service = PostgresReservations(pool)
    await service.add_concert(concert(CONCERT, PRICE, A_DAY))
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
