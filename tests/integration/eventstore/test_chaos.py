"""Whatever dies at whatever moment: the effects are those of the events, each once, in order."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from random import Random
from uuid import UUID

import asyncpg
import pytest

from eventstore import consumer, delivery
from eventstore.api import StoredEvent
from eventstore.postgres import checkpoints as membership
from eventstore.postgres.checkpoints import PostgresCheckpointStore
from eventstore.postgres.log import PostgresEventStore
from eventstore.slices import Slice, StreamId, slices_of
from tests.integration.eventstore.crowd import (
    EFFECTS,
    NAME,
    Crowd,
    Write,
    crowd,
    effects_of,
    events_in,
    write,
)
from tests.integration.eventstore.races import appends, at_once
from tests.support.log import BOOKING, append, stream
from tests.support.waiting import eventually

STREAMS = [stream(number) for number in range(30)]
SLICES = [Slice(slice) for slice in slices_of(BOOKING)]
ROUNDS = 15
CUTS = 10  # of connections, in the middle of a transaction
STRANGER = UUID(int=0)
HANDLED = "SELECT coalesce(sum(position), 0)::integer FROM es.checkpoint"
OWNERS = "SELECT array_agg(DISTINCT owner) FROM es.checkpoint"
CUT = "SELECT pg_terminate_backend(pg_backend_pid())"


@pytest.fixture(autouse=True)
async def _fast(pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Members notice soon that one is gone; at times too soon, which must not matter."""
    monkeypatch.setattr(consumer, "HEARTBEAT_EVERY", timedelta(milliseconds=40))
    monkeypatch.setattr(membership, "ALIVE_FOR", timedelta(milliseconds=200))
    monkeypatch.setattr(delivery, "BACK_OFF_FIRST", timedelta(milliseconds=10))
    await pool.execute(EFFECTS)


@pytest.fixture
def chance() -> Random:
    seed = Random().randrange(10**6)
    print(f"Random({seed})")
    return Random(seed)


def cutting(write: Write, chance: Random) -> Write:
    """Some effects are the last that their connection sees of its transaction."""
    cuts = iter(range(CUTS))

    async def write_and_cut(tx: asyncpg.Connection, event: StoredEvent) -> None:
        await write(tx, event)
        if chance.random() < 0.02 and next(cuts, None) is not None:
            await tx.execute(CUT)

    return write_and_cut


async def chaos(database: str, pool: asyncpg.Pool, chance: Random, write: Write) -> None:
    """Append, wait until a part of it has been handled, disturb, repeat; then let them finish."""
    checkpoints = PostgresCheckpointStore(pool)
    work = appends(pool, STREAMS, each=ROUNDS, size=3)
    async with crowd(database, pool, cutting(write, chance), 3) as members:
        for start in range(0, len(work), len(STREAMS)):
            await at_once(8, work[start : start + len(STREAMS)])
            members.doorbell.ring(SLICES[0])
            await some_are_handled(pool, chance)
            await disturb(members, checkpoints, chance)


async def some_are_handled(pool: asyncpg.Pool, chance: Random) -> None:
    done: int = await pool.fetchval(HANDLED)
    goal = chance.randint(done, sum(map(len, (await events_in(pool)).values())))

    async def reached() -> bool:
        done: int = await pool.fetchval(HANDLED)
        return done >= goal

    await eventually(reached, "some are handled")


async def disturb(members: Crowd, checkpoints: PostgresCheckpointStore, chance: Random) -> None:
    """A member dies and another one is born, or a stranger takes some slices and does nothing."""
    if chance.random() < 0.5:
        await members.die(chance.choice(members.living))
        await members.join()
    else:
        await checkpoints.claim(NAME, 1, chance.sample(SLICES, 20), STRANGER)


async def test_every_effect_happens_once(database: str, pool: asyncpg.Pool, chance: Random) -> None:
    await chaos(database, pool, chance, write)
    assert await effects_of(pool) == await events_in(pool)


async def test_effects_outside_the_transaction_of_the_checkpoint_are_repeated(
    database: str, pool: asyncpg.Pool, chance: Random
) -> None:
    async def write_outside(_: asyncpg.Connection, event: StoredEvent) -> None:
        await write(pool, event)

    await chaos(database, pool, chance, write_outside)
    effects, events = await effects_of(pool), await events_in(pool)
    assert {slice: sorted(set(numbers)) for slice, numbers in effects.items()} == events
    assert effects != events


@asynccontextmanager
async def load(pool: asyncpg.Pool, members: Crowd) -> AsyncIterator[None]:
    """Four writers that go on for the length of the block."""
    over = asyncio.Event()

    async def write_on(streams: Sequence[StreamId]) -> None:
        for number in count():
            for name in streams:
                members.doorbell.ring((await append(PostgresEventStore(pool), name, number)).slice)
            if over.is_set():
                return

    async with asyncio.TaskGroup() as group:
        for writer in range(4):
            group.create_task(write_on(STREAMS[writer::4]))
        yield
        over.set()


async def test_members_come_and_go_under_load(database: str, pool: asyncpg.Pool) -> None:
    async def all_share() -> bool:
        owners: list[UUID] = await pool.fetchval(OWNERS)
        return set(owners or ()) == {member.id for member in members.living}

    async with crowd(database, pool, write, 1) as members, load(pool, members):
        await eventually(all_share, "all members share the slices")
        await members.join()
        await members.join()
        await eventually(all_share, "all members share the slices")
        await members.leave(members.living[0])
        await eventually(all_share, "all members share the slices")
    assert await effects_of(pool) == await events_in(pool)
