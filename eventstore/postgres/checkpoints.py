"""How far every consumer is, in the database of its effects: both move in one transaction.

Give the pool an `idle_in_transaction_session_timeout`: a hung owner keeps its slice from others
until the server ends its transaction.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import cast
from uuid import UUID

from asyncpg import Connection, Pool

from eventstore.api import Checkpoint, Claim, DeadLetter, StoredEvent
from eventstore.errors import Fenced
from eventstore.slices import Category, Slice, StreamId

# A member that misses five heartbeats is taken for dead; `leave` removes the long dead as well.
ALIVE_FOR = timedelta(seconds=10)
FORGOTTEN_AFTER = timedelta(days=1)

# $1 consumer, $2 generation, $3 category
REGISTER = """
INSERT INTO es.checkpoint (consumer, generation, slice, position)
SELECT $1, $2, s.slice, s.floor
  FROM es.slice AS s
 WHERE s.category = $3
    ON CONFLICT (consumer, generation, slice) DO NOTHING
"""

# The snapshot of the SELECT is older than the INSERT, so this member is added by hand.
# $1 consumer, $2 member, $3 alive_for
HEARTBEAT = """
WITH beat AS (
  INSERT INTO es.member (consumer, member, seen_at) VALUES ($1, $2, es.now())
      ON CONFLICT (consumer, member) DO UPDATE SET seen_at = excluded.seen_at)
SELECT member FROM es.member WHERE consumer = $1 AND seen_at > es.now() - $3::interval
 UNION
SELECT $2
"""

# So an event at the end of its slice is unsealed for as long as a heartbeat takes to follow it.
SEAL = "SELECT es.seal()"

# $1 consumer, $2 member, $3 forgotten_after
LEAVE = """
DELETE FROM es.member
 WHERE consumer = $1 AND (member = $2 OR seen_at < es.now() - $3::interval)
"""

# Locked rows are skipped: waiting for one owner's batch would hold up all other slices.
# $1 consumer, $2 generation, $3 slices, $4 member
CLAIM = """
UPDATE es.checkpoint AS c
   SET owner = $4, epoch = c.epoch + 1
  FROM (SELECT consumer, generation, slice FROM es.checkpoint
         WHERE consumer = $1 AND generation = $2 AND slice = ANY ($3::integer[])
           FOR UPDATE SKIP LOCKED) AS free
 WHERE (c.consumer, c.generation, c.slice) = (free.consumer, free.generation, free.slice)
RETURNING c.consumer, c.generation, c.slice, c.position, c.epoch
"""

# No row: another owner raised the epoch.
# $1 consumer, $2 generation, $3 slice, $4 position, $5 epoch, $6 to
ADVANCE = """
UPDATE es.checkpoint SET position = $6
 WHERE consumer = $1 AND generation = $2 AND slice = $3 AND position = $4 AND epoch = $5
RETURNING position
"""

# $1 consumer, $2 generation, $3 slice, $4 position, $5 stream, $6 attempts, $7 error
PARK = """
INSERT INTO es.dead_letter
       (consumer, generation, slice, position, stream_id, attempts, error, parked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, es.now())
"""

# $1 consumer, $2 generation, $3 slice
PARKED_STREAMS = """
SELECT DISTINCT stream_id FROM es.dead_letter
 WHERE consumer = $1 AND generation = $2 AND slice = $3 AND resolved_at IS NULL
"""

DEAD_LETTERS = """
SELECT consumer, generation, slice, position, stream_id AS stream, attempts, error, parked_at
  FROM es.dead_letter
 WHERE resolved_at IS NULL
 ORDER BY parked_at, slice, position
"""

# No row: somebody else resolved it.
# $1 consumer, $2 generation, $3 slice, $4 position
RESOLVE = """
UPDATE es.dead_letter SET resolved_at = es.now()
 WHERE consumer = $1 AND generation = $2 AND slice = $3 AND position = $4 AND resolved_at IS NULL
RETURNING position
"""

LAG = """
SELECT c.consumer, c.generation, c.slice, c.position, coalesce(last.position, s.floor) AS head
  FROM es.checkpoint AS c
  JOIN es.slice AS s ON s.slice = c.slice
  LEFT JOIN LATERAL (
       SELECT e.position FROM es.event AS e
        WHERE e.slice = c.slice
        ORDER BY e.position DESC
        LIMIT 1) AS last ON true
 ORDER BY c.consumer, c.generation, c.slice
"""

# $1 consumer, $2 generation
RESET = """
UPDATE es.checkpoint AS c
   SET position = s.floor, epoch = c.epoch + 1, owner = NULL
  FROM es.slice AS s
 WHERE c.consumer = $1 AND c.generation = $2 AND s.slice = c.slice
RETURNING c.consumer, c.generation, c.slice, c.position, c.epoch
"""


class PostgresCheckpointStore:
    """A `CheckpointStore` over the schema `es`; a transaction is a connection."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def register(self, consumer: str, generation: int, category: Category) -> None:
        await self._pool.execute(REGISTER, consumer, generation, category)

    async def heartbeat(self, consumer: str, member: UUID) -> Sequence[UUID]:
        rows = await self._pool.fetch(HEARTBEAT, consumer, member, ALIVE_FOR)
        await self._pool.execute(SEAL)
        return [row["member"] for row in rows]

    async def leave(self, consumer: str, member: UUID) -> None:
        await self._pool.execute(LEAVE, consumer, member, FORGOTTEN_AFTER)

    async def claim(
        self, consumer: str, generation: int, slices: Collection[Slice], member: UUID
    ) -> Sequence[Claim]:
        rows = await self._pool.fetch(CLAIM, consumer, generation, list(slices), member)
        return [Claim(**row) for row in rows]

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        # The claim's row lock only helps if statements see what was committed before it.
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="read_committed"),
        ):
            # A pool's connection is a proxy with every method of Connection.
            yield cast(Connection, connection)

    async def advance(self, tx: Connection | None, claim: Claim, to: int) -> Claim:
        database = self._pool if tx is None else tx
        moved = await database.fetchval(ADVANCE, *_key(claim), claim.position, claim.epoch, to)
        if moved is None:
            raise Fenced(f"{claim.consumer}: slice {claim.slice} has another owner")
        return replace(claim, position=to)

    async def park(
        self, tx: Connection, claim: Claim, event: StoredEvent, *, attempts: int, error: str
    ) -> None:
        await tx.execute(PARK, *_key(claim), event.position, event.stream, attempts, error)

    async def parked_streams(
        self, consumer: str, generation: int, slice: Slice
    ) -> frozenset[StreamId]:
        rows = await self._pool.fetch(PARKED_STREAMS, consumer, generation, slice)
        return frozenset(StreamId(row["stream_id"]) for row in rows)

    async def dead_letters(self) -> Sequence[DeadLetter]:
        return [DeadLetter(**row) for row in await self._pool.fetch(DEAD_LETTERS)]

    async def resolve(self, tx: Connection, letter: DeadLetter) -> bool:
        return await tx.fetchval(RESOLVE, *_key(letter), letter.position) is not None

    async def lag(self) -> Sequence[Checkpoint]:
        return [Checkpoint(**row) for row in await self._pool.fetch(LAG)]

    async def reset(self, tx: Connection, consumer: str, generation: int) -> Sequence[Claim]:
        return [Claim(**row) for row in await tx.fetch(RESET, consumer, generation)]


def _key(of: Claim | DeadLetter) -> tuple[str, int, Slice]:
    return of.consumer, of.generation, of.slice
