"""Every statement on the log uses an index, however long the log is."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from eventstore.consumer import BATCH_MAX
from eventstore.postgres.checkpoints import LAG, PostgresCheckpointStore
from eventstore.postgres.log import HEADS, LOAD, READ_SLICES, READ_STREAM, PostgresEventStore
from eventstore.slices import Slice, slice_of, slices_of
from tests.support.chain import hash_again
from tests.support.log import BOOKING, append, command, stream
from tests.support.plans import EXPLAIN, scans_of

EVENTS = 20_000  # enough that reading them all would be the wrong plan
EXECUTIONS = 7  # from the sixth on the server may plan without looking at the arguments
SEQUENTIAL_SCANS = "SELECT pg_stat_get_numscans('es.event'::regclass)"
NOW = datetime(2031, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool]:
    """A single connection, so that its own counters tell what happened; the log is long."""
    positions: Counter[Slice] = Counter()
    rows = []
    for number in range(EVENTS):
        slice, id = slice_of(stream(number)), UUID(int=number)
        positions[slice] += 1
        row = (positions[slice], 1, NOW, id, id, id, slice, 0, 1, 1, stream(number), "Noted")
        rows.append((*row, "{}", "{}", b""))
    async with asyncpg.create_pool(database, min_size=1, max_size=1) as pool:
        # The server's own housekeeping would change the plans in the middle of a slow test.
        await pool.execute("ALTER TABLE es.event SET (autovacuum_enabled = off)")
        await pool.copy_records_to_table("event", schema_name="es", records=rows)
        await hash_again(pool)
        await pool.execute("ANALYZE es.event")
        await pool.execute(EXPLAIN)
        yield pool


async def sequential_scans(pool: asyncpg.Pool) -> int:
    await pool.execute("SELECT pg_stat_force_next_flush()")
    scans: int = await pool.fetchval(SEQUENTIAL_SCANS)
    return scans


async def use_everything(pool: asyncpg.Pool) -> None:
    log, checkpoints = PostgresEventStore(pool), PostgresCheckpointStore(pool)
    heads = await log.heads(BOOKING)
    for number in range(EXECUTIONS):
        await log.load(stream(number % 2), command(EVENTS + number))
        await append(log, stream(number % 2), EVENTS + number)
        await log.read_stream(stream(1), after=number)
        for behind in (0, 1, EVENTS):  # caught up, nearly, far behind
            after = {slice: max(head - behind, 0) for slice, head in heads.items()}
            await log.read_slices(after, limit=BATCH_MAX)
        await checkpoints.register(f"consumer-{number}", 1, BOOKING)
        await checkpoints.lag()


async def test_no_statement_reads_the_whole_log(pool: asyncpg.Pool) -> None:
    """Nor does any inside `es.append`."""
    before = await sequential_scans(pool)
    await use_everything(pool)
    assert await sequential_scans(pool) == before


async def test_events_are_found_by_stream_command_and_position(pool: asyncpg.Pool) -> None:
    async def indexes(statement: str) -> set[str]:
        return {index for table, index in await scans_of(pool, statement) if table == "event"}

    assert await indexes(LOAD) == {"event_version", "event_command"}
    assert await indexes(READ_STREAM) == {"event_version"}
    for statement in (READ_SLICES, HEADS, LAG):
        assert await indexes(statement) == {"event_position"}


async def test_without_its_index_the_poll_would_read_it_all(pool: asyncpg.Pool) -> None:
    await pool.execute("ALTER TABLE es.event DROP CONSTRAINT event_position")
    before = await sequential_scans(pool)
    positions = {Slice(slice): EVENTS for slice in slices_of(BOOKING)}
    await PostgresEventStore(pool).read_slices(positions, limit=BATCH_MAX)
    assert await sequential_scans(pool) > before
    assert ("event", "all of it") in await scans_of(pool, READ_SLICES)
