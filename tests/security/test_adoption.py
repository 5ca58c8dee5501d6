"""A log that was written without hashes is chained by the migration, as it stands."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from entrypoints.devstack.servers import Postgres
from eventstore.api import Duplicate
from eventstore.postgres.log import PostgresEventStore
from eventstore.postgres.migrate import migrate
from eventstore.postgres.verify import verify_log
from tests.conftest import MIGRATIONS
from tests.support.log import append, command, noted, stream

EVENTSTORE = MIGRATIONS[0]
STREAMS = [stream(number) for number in range(10)]


@pytest.fixture
async def old(postgres: Postgres, tmp_path: Path) -> AsyncIterator[asyncpg.Pool]:
    """A database from before the chain, with events."""
    name = f"old_{uuid4().hex}"
    server = await asyncpg.connect(postgres.url("postgres"))
    await server.execute(f"CREATE DATABASE {name}")
    before = tmp_path / "eventstore" / "migrations"
    before.mkdir(parents=True)
    for file in EVENTSTORE.glob("*.sql"):
        if not file.name.endswith("_chain.sql"):
            (before / file.name).write_bytes(file.read_bytes())
    async with asyncpg.create_pool(postgres.url(name), min_size=1, max_size=2) as pool:
        async with pool.acquire() as connection:
            await migrate(connection, [before])  # type: ignore[arg-type]  # a proxy
        for number, of in enumerate(STREAMS):
            await append(PostgresEventStore(pool), of, number, events=1 + number % 3)
        yield pool
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()


async def test_what_was_stored_before_is_chained_sealed_and_continued(old: asyncpg.Pool) -> None:
    async with old.acquire() as connection:
        await migrate(connection, [EVENTSTORE])  # type: ignore[arg-type]  # a proxy
    log = PostgresEventStore(old)
    again = await log.append(stream(1), command(1), noted(0, 1), expected=0, metadata={})
    assert isinstance(again, Duplicate)
    for number, of in enumerate(STREAMS):
        await append(log, of, 100 + number)
    assert await verify_log(old) == []
    assert await old.fetchval("SELECT sum(sealed) FROM es.slice") == 19  # all that was there

    with pytest.raises(asyncpg.RestrictViolationError):  # the guard is on again
        await old.execute("DELETE FROM es.event")
    await old.execute("ALTER TABLE es.event DISABLE TRIGGER event_append_only")
    await old.execute("UPDATE es.event SET data = '{}' WHERE stream_id = 'booking-2'")
    found = [str(finding) for finding in await verify_log(old)]
    assert [line for line in found if "booking-2 1: does not fit" in line]
