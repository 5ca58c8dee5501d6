"""The log goes on when it was moved to another database, and when its beginning was archived."""

from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from entrypoints.devstack.servers import Postgres
from eventstore.api import Duplicate
from eventstore.postgres.log import PostgresEventStore
from eventstore.postgres.verify import verify_log
from eventstore.slices import slice_of
from tests.integration.eventstore.conftest import Plant
from tests.integration.eventstore.crowd import EFFECTS, crowd, effects_of, events_in, write
from tests.integration.eventstore.races import appends, at_once
from tests.support.dumps import dump, restore
from tests.support.log import BOOKING, append, command, noted, stream
from tests.support.schema import schema_of

STREAMS = [stream(number) for number in range(20)]
SLICE = slice_of(stream())


@pytest.fixture
async def empty(postgres: Postgres) -> AsyncIterator[str]:
    """The URL of a database with nothing in it."""
    name = f"empty_{uuid4().hex}"
    server = await asyncpg.connect(postgres.url("postgres"))
    await server.execute(f"CREATE DATABASE {name}")
    yield postgres.url(name)
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()


async def test_log_and_consumers_go_on_after_dump_and_restore(
    database: str, pool: asyncpg.Pool, log: PostgresEventStore, empty: str
) -> None:
    await pool.execute(EFFECTS)
    async with crowd(database, pool, write, 1):
        await at_once(4, appends(pool, STREAMS, each=3, size=3))
    await append(log, stream(), 100, events=3)  # not consumed before the dump
    await restore(empty, await dump(database))
    assert await schema_of(empty) == await schema_of(database)
    async with asyncpg.create_pool(empty, min_size=1, max_size=4) as moved:
        there = PostgresEventStore(moved)
        async with crowd(empty, moved, write, 1):
            await append(there, stream(), 101)
        again = await there.append(stream(), command(100), noted(0, 1, 2), expected=0, metadata={})
        assert isinstance(again, Duplicate)
        assert await effects_of(moved) == await events_in(moved)
        assert list(await verify_log(moved)) == []


async def test_a_slice_whose_events_were_archived_goes_on_from_its_floor(
    database: str, pool: asyncpg.Pool, log: PostgresEventStore, plant: Plant
) -> None:
    await append(log, stream(), 1, events=3)
    await plant("DELETE FROM es.event")
    await plant(f"UPDATE es.slice SET floor = 3 WHERE slice = {SLICE}")
    assert (await log.heads(BOOKING))[SLICE] == 3
    await pool.execute(EFFECTS)
    async with crowd(database, pool, write, 1):
        assert (await append(log, stream(), 2)).position == 4
    assert await effects_of(pool) == {SLICE: [4]}
    assert list(await verify_log(pool)) == []
