"""A connection goes back to its pool without a word to the server, unless something is open."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from entrypoints import wiring
from entrypoints.settings import Settings
from entrypoints.wiring import BoxOffice, box_office
from eventstore.postgres.checkpoints import PostgresCheckpointStore
from eventstore.slices import Slice
from tests.support.log import BOOKING
from tests.support.waiting import eventually

HUNG, OTHER, SLICE = UUID(int=1), UUID(int=2), Slice(7)
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


async def test_a_member_that_hangs_in_a_transaction_loses_its_slice_to_another(
    database: str, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "IDLE_IN_TRANSACTION", timedelta(milliseconds=500))
    others = PostgresCheckpointStore(pool)
    await others.register("view", 1, BOOKING)

    async def another_claims() -> bool:
        return len(await others.claim("view", 1, [SLICE], OTHER)) == 1

    async def hang(parts: BoxOffice) -> None:
        [claim] = await parts.checkpoints.claim("view", 1, [SLICE], HUNG)
        async with parts.checkpoints.transaction() as tx:
            await parts.checkpoints.advance(tx, claim, 1)
            assert not await another_claims()
            await eventually(another_claims, "the slice is free")

            async def closed() -> bool:
                return bool(tx.is_closed())

            await eventually(closed, "the driver has heard of it")

    async with box_office(Settings(database_url=database)) as parts:
        with pytest.raises(asyncpg.InterfaceError):
            await hang(parts)
