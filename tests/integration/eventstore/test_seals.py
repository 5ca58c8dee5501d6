"""Consumers remember where each slice ends; they may do nothing else to the chain."""

from functools import partial
from uuid import UUID

import asyncpg
import pytest

from eventstore.postgres.checkpoints import PostgresCheckpointStore
from eventstore.postgres.log import PostgresEventStore
from eventstore.slices import slice_of
from tests.integration.eventstore.races import appends, at_once
from tests.support.log import append, stream

SEALED = "SELECT sealed FROM es.slice WHERE slice = $1"
UNSEALED = """
SELECT count(*)
  FROM es.event AS e
  JOIN es.slice AS s ON s.slice = e.slice
 WHERE e.position > s.sealed
"""


async def test_a_heartbeat_seals_what_was_appended(
    pool: asyncpg.Pool, log: PostgresEventStore, checkpoints: PostgresCheckpointStore
) -> None:
    await append(log, stream(), 1, events=3)
    assert await pool.fetchval(SEALED, slice_of(stream())) == 0
    await checkpoints.heartbeat("view", UUID(int=1))
    assert await pool.fetchval(SEALED, slice_of(stream())) == 3


async def test_many_seal_while_many_append(
    pool: asyncpg.Pool, checkpoints: PostgresCheckpointStore
) -> None:
    streams = [stream(number) for number in range(20)]
    seals = [partial(checkpoints.heartbeat, "view", UUID(int=number)) for number in range(60)]
    work = [
        piece for pair in zip(appends(pool, streams, each=3), seals, strict=True) for piece in pair
    ]
    await at_once(12, work)
    await checkpoints.heartbeat("view", UUID(int=1))
    assert await pool.fetchval(UNSEALED) == 0


@pytest.mark.parametrize(
    ("role", "may_seal"), [("box_office_consumer", True), ("box_office_worker", False)]
)
async def test_only_consumers_seal_and_nobody_hashes(
    pool: asyncpg.Pool, role: str, may_seal: bool
) -> None:
    async def may(function: str) -> bool:
        allowed: bool = await pool.fetchval(
            "SELECT has_function_privilege($1, $2::regproc, 'EXECUTE')", role, function
        )
        return allowed

    assert await may("es.seal") == may_seal
    assert not await may("es.event_hash")
