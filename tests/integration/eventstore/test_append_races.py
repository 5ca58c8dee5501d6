"""No lost update, no command recorded twice, one clock: whatever breaks in the middle."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from itertools import pairwise

import asyncpg
import pytest

from eventstore import api
from eventstore.postgres.log import PostgresEventStore
from tests.integration.eventstore.cable import Cable, Fault
from tests.integration.eventstore.conftest import BreakAppend
from tests.integration.eventstore.races import STAMP, append_in, somebody_waits_for_a_slice
from tests.support.log import append, command, noted, stream

VERSION_CHECK = (
    "IF NOT (p_expected = -1 OR (p_expected = -2 AND head > 0) OR p_expected = head) THEN"
)
DUPLICATE_CHECK = "IF FOUND THEN"
KILL_THE_WAITING = """
SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database d ON d.oid = database
 WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()
"""


async def test_without_the_version_check_many_writers_win(
    log: PostgresEventStore, break_append: BreakAppend
) -> None:
    await break_append(VERSION_CHECK, "IF false THEN")
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(first_append(log, number)) for number in range(32)]
    assert sum(isinstance(task.result(), api.Appended) for task in tasks) > 1


async def first_append(log: api.EventStore, number: int = 1) -> api.AppendResult:
    """An append by somebody who saw the stream empty."""
    return await log.append(stream(), command(number), noted(1), expected=0, metadata={})


@pytest.fixture
async def cable(database: str) -> AsyncIterator[Cable]:
    async with Cable(database) as cable:
        yield cable


async def retried(cable: Cable, log: api.EventStore, fault: Fault) -> api.AppendResult:
    """What a retry is told when the first attempt broke in this way."""
    async with asyncpg.create_pool(cable.url, min_size=1, max_size=1) as pool:
        await append(PostgresEventStore(pool), stream(2), 1)  # from now on it is one round trip
        cable.fault = fault
        with pytest.raises(asyncpg.ConnectionDoesNotExistError):
            await first_append(PostgresEventStore(pool))
    return await first_append(log)


async def test_an_append_that_was_lost_is_repeated(cable: Cable, log: PostgresEventStore) -> None:
    assert isinstance(await retried(cable, log, "request is lost"), api.Appended)


async def test_a_lost_answer_is_given_again(cable: Cable, log: PostgresEventStore) -> None:
    assert isinstance(await retried(cable, log, "answer is lost"), api.Duplicate)
    assert len(await log.read_stream(stream())) == 1


async def test_without_the_duplicate_check_a_retry_meets_its_own_success(
    cable: Cable, log: PostgresEventStore, break_append: BreakAppend
) -> None:
    await break_append(DUPLICATE_CHECK, "IF false THEN")
    assert await retried(cable, log, "answer is lost") == api.VersionConflict(actual=1)
    with pytest.raises(asyncpg.UniqueViolationError):  # the index is the last line of defence
        await append(log, stream(), 1)


async def test_a_killed_append_can_be_repeated(pool: asyncpg.Pool, log: PostgresEventStore) -> None:
    async def killed() -> None:
        with pytest.raises(asyncpg.PostgresConnectionError):
            await append(log, stream(), 2)

    async with pool.acquire() as connection, asyncio.TaskGroup() as group, connection.transaction():
        await append_in(connection, stream(), 1)
        group.create_task(killed())
        await somebody_waits_for_a_slice(pool)
        await pool.execute(KILL_THE_WAITING)
    assert (await append(log, stream(), 2)).versions == range(2, 3)


async def test_decisions_and_recordings_share_one_clock(log: PostgresEventStore) -> None:
    decided_at: dict[int, datetime] = {}

    async def write(writer: int) -> None:
        for number in range(5):
            version, now = await decide_and_append(log, command(100 * writer + number))
            decided_at[version] = now

    async with asyncio.TaskGroup() as group:
        for writer in range(16):
            group.create_task(write(writer))
    events = await log.read_stream(stream())
    assert len(events) == len(decided_at) == 16 * 5
    for before, event in pairwise(events):
        assert before.recorded_at <= decided_at[event.version] <= event.recorded_at


async def decide_and_append(log: api.EventStore, ref: api.CommandRef) -> tuple[int, datetime]:
    while True:
        loaded = await log.load(stream(), ref)
        result = await log.append(stream(), ref, noted(1), expected=loaded.version, metadata={})
        if isinstance(result, api.Appended):
            return result.versions[0], loaded.now


async def recorded_out_of_turn(pool: asyncpg.Pool, log: api.EventStore) -> bool:
    """One transaction began first and appends second."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT pg_current_xact_id()")
        await append(log, stream(), 1)
        await append_in(connection, stream(), 2)
    first, second = await log.read_stream(stream())
    return second.recorded_at < first.recorded_at


async def test_a_late_append_is_stamped_late(pool: asyncpg.Pool, log: PostgresEventStore) -> None:
    assert not await recorded_out_of_turn(pool, log)


async def test_the_time_of_the_transaction_would_stamp_it_early(
    pool: asyncpg.Pool, log: PostgresEventStore, break_append: BreakAppend
) -> None:
    await break_append(STAMP, "recorded_at := transaction_timestamp();")
    assert await recorded_out_of_turn(pool, log)
