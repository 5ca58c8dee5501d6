"""Of two members that believe to own a slice, only the one that claimed it last gets anywhere."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg
import pytest

from eventstore.api import StoredEvent
from eventstore.delivery import Deliverer, ExactlyOnceEffect, Held
from eventstore.errors import Fenced
from eventstore.postgres import checkpoints as module
from eventstore.postgres.checkpoints import ADVANCE, PostgresCheckpointStore
from eventstore.postgres.log import PostgresEventStore
from eventstore.slices import slice_of
from tests.integration.eventstore.crowd import EFFECTS, effects_of, write
from tests.support.log import BOOKING, append, stream

ZOMBIE, OWNER = UUID(int=1), UUID(int=2)
SLICE = slice_of(stream())
EPOCH = "AND epoch = $5"


@pytest.fixture
async def events(
    pool: asyncpg.Pool, log: PostgresEventStore, checkpoints: PostgresCheckpointStore
) -> Sequence[StoredEvent]:
    """Waiting for a consumer."""
    await pool.execute(EFFECTS)
    await append(log, stream(), 1, events=3)
    await checkpoints.register("test", 1, BOOKING)
    return await log.read_slices({SLICE: 0}, limit=10)


@pytest.fixture
def deliverer(checkpoints: PostgresCheckpointStore) -> Deliverer[asyncpg.Connection]:
    return Deliverer(ExactlyOnceEffect(write), (), checkpoints)


async def held_by(checkpoints: PostgresCheckpointStore, member: UUID) -> Held:
    [claim] = await checkpoints.claim("test", 1, [SLICE], member)
    return Held(claim)


@pytest.mark.parametrize("first", ["owner", "zombie"])
async def test_a_zombie_is_fenced_wherever_the_owner_stands(
    pool: asyncpg.Pool,
    checkpoints: PostgresCheckpointStore,
    deliverer: Deliverer[asyncpg.Connection],
    events: Sequence[StoredEvent],
    first: str,
) -> None:
    zombie, owner = [await held_by(checkpoints, member) for member in (ZOMBIE, OWNER)]
    if first == "owner":
        await deliverer.deliver(owner, events)
    with pytest.raises(Fenced):
        await deliverer.deliver(zombie, events)
    await deliverer.deliver(owner, events)
    assert await effects_of(pool) == {SLICE: [1, 2, 3]}


async def test_without_the_epoch_the_zombie_would_fence_the_owner(
    checkpoints: PostgresCheckpointStore,
    deliverer: Deliverer[asyncpg.Connection],
    events: Sequence[StoredEvent],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert ADVANCE.count(EPOCH) == 1
    monkeypatch.setattr(module, "ADVANCE", ADVANCE.replace(EPOCH, "AND $5::bigint > 0"))
    zombie, owner = [await held_by(checkpoints, member) for member in (ZOMBIE, OWNER)]
    await deliverer.deliver(zombie, events)
    with pytest.raises(Fenced):
        await deliverer.deliver(owner, events)
