"""Members of one consumer that come, go and die, each with connections of its own."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from eventstore.api import StoredEvent
from eventstore.consumer import Consumer, Subscription
from eventstore.delivery import ExactlyOnceEffect
from eventstore.memory import MemoryDoorbell
from eventstore.postgres.checkpoints import PostgresCheckpointStore
from eventstore.postgres.log import PostgresEventStore
from eventstore.slices import Slice
from tests.support.log import BOOKING, caught_up

NAME = "crowd"

EFFECTS = "CREATE TABLE effect (number bigserial, slice integer, position bigint)"

Write = Callable[[asyncpg.Connection, StoredEvent], Awaitable[None]]


async def write(tx: asyncpg.Connection | asyncpg.Pool, event: StoredEvent) -> None:
    await tx.execute(
        "INSERT INTO effect (slice, position) VALUES ($1, $2)", event.slice, event.position
    )


async def effects_of(pool: asyncpg.Pool) -> Mapping[Slice, list[int]]:
    by_slice = defaultdict(list)
    for row in await pool.fetch("SELECT slice, position FROM effect ORDER BY number"):
        by_slice[row["slice"]].append(row["position"])
    return by_slice


async def events_in(pool: asyncpg.Pool) -> Mapping[Slice, list[int]]:
    heads = await PostgresEventStore(pool).heads(BOOKING)
    return {slice: list(range(1, head + 1)) for slice, head in heads.items() if head}


@dataclass(frozen=True)
class Member:
    id: UUID
    pool: asyncpg.Pool
    running: asyncio.Task[None]


class Crowd:
    """The members that live; `write` has the effects."""

    def __init__(self, database: str, write: Write) -> None:
        self._database = database
        self._write = write
        self._born = 0
        self.doorbell = MemoryDoorbell()
        self.living: list[Member] = []

    async def join(self) -> None:
        self._born += 1
        id = UUID(int=self._born)
        pool = await asyncpg.create_pool(self._database, min_size=1, max_size=6)
        consumer = Consumer(
            Subscription(NAME, BOOKING, ExactlyOnceEffect(self._write)),
            member=id,
            store=PostgresEventStore(pool),
            checkpoints=PostgresCheckpointStore(pool),
            doorbell=self.doorbell,
        )
        self.living.append(Member(id, pool, asyncio.create_task(consumer.run())))

    async def leave(self, member: Member) -> None:
        self.living.remove(member)
        member.running.cancel()
        await asyncio.wait([member.running])
        await member.pool.close()

    async def die(self, member: Member) -> None:
        """A member's connections break in the middle of whatever it does, and it is gone."""
        member.pool.terminate()
        await self.leave(member)


@asynccontextmanager
async def crowd(
    database: str, pool: asyncpg.Pool, write: Write, members: int
) -> AsyncIterator[Crowd]:
    """So many members at first; when they have handled everything, all leave."""
    crowd = Crowd(database, write)
    try:
        for _ in range(members):
            await crowd.join()
        yield crowd
        await caught_up(PostgresCheckpointStore(pool), NAME)
    finally:
        for member in tuple(crowd.living):
            await crowd.leave(member)
