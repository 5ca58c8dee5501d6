from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import asyncpg
import pytest

from eventstore import memory
from eventstore.api import CheckpointStore, Doorbell, EventStore, StoredEvent
from eventstore.postgres.checkpoints import PostgresCheckpointStore
from eventstore.postgres.doorbell import PostgresDoorbell
from eventstore.postgres.log import PostgresEventStore
from tests.support.clock import Clock

BOTH = ["memory", pytest.param("postgres", marks=pytest.mark.postgres)]

Effect = tuple[str, int]  # stream and version


@dataclass(frozen=True)
class Backend:
    """A log with its checkpoints, and a place for effects in the same transaction."""

    log: EventStore
    checkpoints: CheckpointStore[Any]
    write: Callable[[Any, StoredEvent], Awaitable[None]]
    written: Callable[[], Awaitable[Sequence[Effect]]]
    clear: Callable[[Any], Awaitable[None]]
    advance_clock: Callable[[timedelta], Awaitable[None]]


@pytest.fixture
async def effects(pool: asyncpg.Pool) -> asyncpg.Pool:
    await pool.execute(
        'CREATE TABLE effect (number serial, stream text COLLATE "C", version bigint)'
    )
    return pool


@pytest.fixture(params=BOTH)
def backend(request: pytest.FixtureRequest) -> Backend:
    if request.param == "memory":
        return _memory()
    pool = cast(asyncpg.Pool, request.getfixturevalue("effects"))
    return _postgres(pool, cast(Clock, request.getfixturevalue("clock")))


@pytest.fixture
def log(backend: Backend) -> EventStore:
    return backend.log


@pytest.fixture
def checkpoints(backend: Backend) -> CheckpointStore[Any]:
    return backend.checkpoints


@pytest.fixture(params=BOTH)
def doorbell(request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Doorbell]:
    if request.param == "memory":
        return nullcontext(memory.MemoryDoorbell())
    return PostgresDoorbell(cast(str, request.getfixturevalue("database")))


def _memory() -> Backend:
    offset = timedelta()
    effects: list[Effect] = []

    def now() -> datetime:
        return datetime.now(UTC) + offset

    async def advance_clock(by: timedelta) -> None:
        nonlocal offset
        offset += by

    async def write(tx: memory.MemoryTransaction, event: StoredEvent) -> None:
        tx.deferred.append(lambda: effects.append((event.stream, event.version)))

    async def written() -> Sequence[Effect]:
        return effects

    async def clear(tx: memory.MemoryTransaction) -> None:
        tx.deferred.append(effects.clear)

    log = memory.MemoryEventStore(now)
    return Backend(
        log, memory.MemoryCheckpointStore(log, now), write, written, clear, advance_clock
    )


def _postgres(pool: asyncpg.Pool, clock: Clock) -> Backend:
    async def write(tx: asyncpg.Connection, event: StoredEvent) -> None:
        await tx.execute(
            "INSERT INTO effect (stream, version) VALUES ($1, $2)", event.stream, event.version
        )

    async def written() -> Sequence[Effect]:
        rows = await pool.fetch("SELECT stream, version FROM effect ORDER BY number")
        return [(row["stream"], row["version"]) for row in rows]

    async def clear(tx: asyncpg.Connection) -> None:
        await tx.execute("DELETE FROM effect")

    checkpoints = PostgresCheckpointStore(pool)
    return Backend(PostgresEventStore(pool), checkpoints, write, written, clear, clock.advance)
