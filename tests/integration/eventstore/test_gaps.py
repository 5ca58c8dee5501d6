"""A consumer never skips an event that commits late, and sees each slice in commit order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import groupby

import asyncpg
import pytest
from asyncpg.transaction import Transaction

from entrypoints.devstack.servers import Postgres
from eventstore.postgres.log import PostgresEventStore
from eventstore.postgres.verify import verify_log
from eventstore.slices import Slice, StreamId, slice_of
from tests.integration.eventstore.conftest import BreakAppend
from tests.integration.eventstore.races import (
    FROM_SEQUENCE,
    LAST_POSITION,
    LOCK,
    STAMP,
    Follower,
    append_in,
    appends,
    at_once,
    somebody_waits_for_a_slice,
)
from tests.support.log import append, streams_apart, streams_in

SLICE = Slice(3)
ONE, OTHER = streams_in(SLICE, 2)
[APART] = streams_apart(1)
CROWD = {*streams_in(SLICE, 10), *streams_apart(10)}


async def test_fault_7_no_event_is_skipped(pool: asyncpg.Pool, log: PostgresEventStore) -> None:
    follower = Follower(log, sorted({slice_of(stream) for stream in CROWD}))
    work = appends(pool, sorted(CROWD), each=200, size=3)
    async with follower.following():
        await at_once(64, work)
    assert len(follower.seen) > len(work)
    for seen in (*follower.positions().values(), *follower.versions().values()):
        assert seen == list(range(1, len(seen) + 1))
    assert len(follower.versions()) == len(CROWD)


async def test_a_commands_events_stay_together(pool: asyncpg.Pool, log: PostgresEventStore) -> None:
    await at_once(32, appends(pool, streams_in(SLICE, 5), each=40, size=5))
    events = await log.read_slices({SLICE: 0}, limit=10_000)
    runs = [list(run) for _, run in groupby(events, lambda e: (e.stream, e.command_id))]
    assert len(runs) == 5 * 40
    assert {len(run) for run in runs} == {1, 2, 3, 4, 5}


async def test_without_the_lock_writers_collide_but_nothing_is_skipped_fault_7(
    log: PostgresEventStore, break_append: BreakAppend, pool: asyncpg.Pool
) -> None:
    await break_append(LOCK, "")
    await break_append(STAMP, f"PERFORM pg_sleep(random() * 0.002); {STAMP}")
    collisions = 0

    async def insist(stream: StreamId) -> None:
        nonlocal collisions
        while True:
            try:
                await append(log, stream, 1)
                return
            except asyncpg.UniqueViolationError:
                collisions += 1

    follower = Follower(log, [SLICE])
    async with follower.following():
        await at_once(16, [partial(insist, stream) for stream in streams_in(SLICE, 60)])
    assert collisions > 0
    assert follower.positions()[SLICE] == list(range(1, 61))
    assert list(await verify_log(pool)) == []


@asynccontextmanager
async def appending(pool: asyncpg.Pool, number: int) -> AsyncIterator[Transaction]:
    """An append to ONE whose transaction stays open."""
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await append_in(connection, ONE, number)
        yield transaction


async def test_fault_7_a_slice_has_one_writer(pool: asyncpg.Pool, log: PostgresEventStore) -> None:
    follower = Follower(log, [SLICE])
    async with appending(pool, 1) as transaction, asyncio.TaskGroup() as group:
        second = group.create_task(append(log, OTHER, 2))
        await somebody_waits_for_a_slice(pool)
        await append(log, APART, 3)  # another slice is free
        assert await follower.read() == 0
        await transaction.commit()
    assert second.result().position == 2
    assert await follower.read() == 2


async def test_fault_7_no_position_is_lost(pool: asyncpg.Pool, log: PostgresEventStore) -> None:
    async with appending(pool, 1) as transaction, asyncio.TaskGroup() as group:
        second = group.create_task(append(log, OTHER, 2))
        await somebody_waits_for_a_slice(pool)
        await transaction.rollback()
    assert second.result().position == 1


async def test_positions_from_a_sequence_would_skip_events_fault_7(
    pool: asyncpg.Pool, log: PostgresEventStore, break_append: BreakAppend
) -> None:
    await pool.execute("CREATE SEQUENCE es.positions")
    await pool.execute("GRANT USAGE ON SEQUENCE es.positions TO es_owner")
    await break_append(LOCK, "")
    await break_append(LAST_POSITION, FROM_SEQUENCE)
    follower = Follower(log, [SLICE])
    async with appending(pool, 1) as transaction:
        assert (await append(log, OTHER, 2)).position == 2
        assert await follower.read() == 1
        await transaction.commit()
    assert await follower.read() == 0
    assert len(await log.read_slices({SLICE: 0}, limit=10)) == 2


@pytest.fixture
async def _foreign_transaction(postgres: Postgres) -> AsyncIterator[None]:
    """Somebody writes for a long time in another database of the server."""
    connection = await asyncpg.connect(postgres.url("postgres"))
    async with connection.transaction():
        await connection.fetchval("SELECT pg_current_xact_id()")
        yield
    await connection.close()


HIDDEN_BY_XMIN = """
SELECT count(*) FROM es.event
 WHERE xmin::text::bigint >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
"""


@pytest.mark.usefixtures("_foreign_transaction")
async def test_fault_7_foreigners_delay_nobody(pool: asyncpg.Pool, log: PostgresEventStore) -> None:
    await append(log, ONE, 1)
    assert await Follower(log, [SLICE]).read() == 1
    assert await pool.fetchval(HIDDEN_BY_XMIN) == 1  # what a reader by transaction id would miss
