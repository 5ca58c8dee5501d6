"""Many writers and a reader at once."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from eventstore.api import EventStore, StoredEvent
from eventstore.postgres.log import APPEND
from eventstore.slices import Slice, StreamId, slice_of
from tests.support.log import command, noted
from tests.support.waiting import eventually

ANY_VERSION, AT_LEAST_ONE_EVENT = -1, -2  # what es.append takes in the place of a version

# Parts of es.append that negative controls replace.
LOCK = "PERFORM pg_advisory_xact_lock('es.event'::regclass::oid::integer, p_slice);"
LAST_POSITION = """SELECT e.position, e.hash, split_part(e.stream_id, '-', 1)
    INTO pos, link, category
    FROM es.event e WHERE e.slice = p_slice ORDER BY e.position DESC LIMIT 1;"""
STAMP = "recorded_at := es.now();"
WAITING = """
SELECT count(*) > 0 FROM pg_locks JOIN pg_database d ON d.oid = database
 WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()
"""
# What most stores do: a number at INSERT, seen at COMMIT.
FROM_SEQUENCE = "SELECT nextval('es.positions') - 1, '', 'booking' INTO pos, link, category;"


async def at_once(writers: int, work: Sequence[Callable[[], Awaitable[object]]]) -> None:
    """Do all the work, so many pieces at a time."""
    queue = list(reversed(work))

    async def worker() -> None:
        while queue:
            await queue.pop()()

    async with asyncio.TaskGroup() as group:
        for _ in range(writers):
            group.create_task(worker())


def appends(
    pool: asyncpg.Pool, streams: Sequence[StreamId], each: int, *, size: int = 1
) -> list[Callable[[], Awaitable[object]]]:
    """So many commands for each stream, in turns."""

    def work(stream: StreamId, number: int) -> Callable[[], Awaitable[object]]:
        return lambda: append_in(pool, stream, number, size=1 + number % size)

    return [work(stream, number) for number in range(each) for stream in streams]


async def append_in(
    database: asyncpg.Pool | asyncpg.Connection | PoolConnectionProxy,
    stream: StreamId,
    number: int,
    *,
    size: int = 1,
    expected: int = ANY_VERSION,
) -> str:
    """Append events, within the connection's transaction if it has one; the outcome."""
    of = command(number)
    outcome: str = await database.fetchval(
        APPEND,
        slice_of(stream),
        stream,
        expected,
        of.id,
        of.hash,
        [of.event_id(stream, ordinal) for ordinal in range(size)],
        ["Noted"] * size,
        [1] * size,
        [event.data for event in noted(*range(size))],
        "{}",
    )
    return outcome


class Follower:
    """Reads like a consumer without its checks: it trusts that nothing appears behind it."""

    def __init__(self, log: EventStore, slices: Sequence[Slice]) -> None:
        self._log = log
        self._after = dict.fromkeys(slices, 0)
        self.seen: list[StoredEvent] = []

    async def read(self) -> int:
        events = await self._log.read_slices(self._after, limit=100)
        self._after |= {event.slice: event.position for event in events}
        self.seen += events
        return len(events)

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self._read_on())
            yield
            task.cancel()
        while await self.read():
            pass

    async def _read_on(self) -> None:
        while True:
            await self.read()

    def positions(self) -> Mapping[Slice, list[int]]:
        by_slice = defaultdict(list)
        for event in self.seen:
            by_slice[event.slice].append(event.position)
        return by_slice

    def versions(self) -> Mapping[StreamId, list[int]]:
        by_stream = defaultdict(list)
        for event in self.seen:
            by_stream[event.stream].append(event.version)
        return by_stream


async def somebody_waits_for_a_slice(pool: asyncpg.Pool) -> None:
    async def waits() -> bool:
        waiting: bool = await pool.fetchval(WAITING)
        return waiting

    await eventually(waits, "somebody waits for a slice")
