"""A connection goes back to its pool without a word to the server, unless something is open."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from entrypoints.settings import Settings
from entrypoints.wiring import BoxOffice, box_office

MINE = "SELECT pg_backend_pid()"
# $1 process id
LAST = "SELECT query FROM pg_stat_activity WHERE pid = $1"


@pytest.fixture
async def parts(database: str) -> AsyncIterator[BoxOffice]:
    async with box_office(Settings(database_url=database)) as parts:
        yield parts


async def test_nothing_is_sent_after_a_statement(parts: BoxOffice, pool: asyncpg.Pool) -> None:
    process = await parts.pool.fetchval(MINE)
    assert await pool.fetchval(LAST, process) == MINE


async def test_the_drivers_own_reset_would_be_seen(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as other:
        process = await pool.fetchval(MINE)
        assert "RESET ALL" in await other.fetchval(LAST, process)


async def test_what_a_block_leaves_open_is_rolled_back(parts: BoxOffice) -> None:
    async with parts.pool.acquire() as connection:
        await connection.execute("BEGIN; CREATE TABLE forgotten ()")
    assert await parts.pool.fetchval("SELECT to_regclass('forgotten')") is None
