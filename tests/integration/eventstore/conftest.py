from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from eventstore.postgres.checkpoints import PostgresCheckpointStore
from eventstore.postgres.log import PostgresEventStore
from eventstore.postgres.verify import verify_log

BreakAppend = Callable[[str, str], Awaitable[None]]
Plant = Callable[[str], Awaitable[None]]


@pytest.fixture
def log(pool: asyncpg.Pool) -> PostgresEventStore:
    return PostgresEventStore(pool)


@pytest.fixture
def checkpoints(pool: asyncpg.Pool) -> PostgresCheckpointStore:
    return PostgresCheckpointStore(pool)


@pytest.fixture(autouse=True)
async def _clean(request: pytest.FixtureRequest, pool: asyncpg.Pool) -> AsyncIterator[None]:
    """After each test the log keeps its promises, unless the test broke it."""
    yield
    if not {"break_append", "plant"} & set(request.fixturenames):
        assert list(await verify_log(pool)) == []


@pytest.fixture
def break_append(pool: asyncpg.Pool) -> BreakAppend:
    """Replaces a part of es.append: a negative control shows that the part is needed."""

    async def replace(part: str, by: str) -> None:
        source: str = await pool.fetchval("SELECT pg_get_functiondef('es.append'::regproc)")
        assert source.count(part) == 1
        await pool.execute(source.replace(part, by))

    return replace


@pytest.fixture
async def plant(pool: asyncpg.Pool) -> Plant:
    """Changes what is stored: the log's guard is off."""
    await pool.execute("ALTER TABLE es.event DISABLE TRIGGER event_append_only")

    async def change(sql: str) -> None:
        await pool.execute(sql)

    return change
