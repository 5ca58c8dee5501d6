"""A lost wake-up only delays, and a doorbell is far cheaper than what it announces."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from eventstore import consumer as loop
from eventstore.api import StoredEvent
from eventstore.consumer import Consumer, Subscription
from eventstore.delivery import AtLeastOnce
from eventstore.postgres import doorbell as module
from eventstore.postgres.checkpoints import PostgresCheckpointStore
from eventstore.postgres.doorbell import CHANNEL, PostgresDoorbell
from eventstore.postgres.log import PostgresEventStore
from eventstore.slices import Slice
from tests.integration.eventstore.cable import Cable
from tests.support.log import BOOKING, append, caught_up, stream
from tests.support.patience import SOON
from tests.support.waiting import eventually

RINGS = 2_000
NEVER = timedelta(hours=1)
KILL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = current_database() AND query ~ '^(LISTEN|SELECT pg_notify)'
"""


@pytest.fixture
async def doorbell(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[PostgresDoorbell]:
    monkeypatch.setattr(module, "CONNECT_AGAIN_AFTER", timedelta(milliseconds=10))
    async with PostgresDoorbell(database) as doorbell:
        await doorbell.wait(SOON, after=0)  # it rings once when it is connected
        assert doorbell.heard() == 1
        yield doorbell


async def rings(doorbell: PostgresDoorbell, *, after: int) -> None:
    async with asyncio.timeout(SOON.total_seconds()):
        await doorbell.wait(2 * SOON, after=after)


async def test_many_rings_are_few_notifications(database: str, doorbell: PostgresDoorbell) -> None:
    payloads: list[str] = []
    listener = await asyncpg.connect(database)
    await listener.add_listener(CHANNEL, lambda *args: payloads.append(args[-1]))
    for ring in range(RINGS):
        doorbell.ring(Slice(ring % 64))
        if ring % 100 == 0:
            await asyncio.sleep(0)
    doorbell.ring(Slice(99))

    async def all_arrived() -> bool:
        await listener.fetchval("SELECT 1")
        return any("99" in payload.split(",") for payload in payloads)

    await eventually(all_arrived, "the last ring is heard")
    assert len(payloads) < RINGS / 100
    assert {int(slice) for payload in payloads for slice in payload.split(",")} == {*range(64), 99}
    await listener.close()


async def test_a_killed_listener_comes_back(pool: asyncpg.Pool, doorbell: PostgresDoorbell) -> None:
    for _ in range(3):
        heard = doorbell.heard()
        await pool.execute(KILL)
        await rings(doorbell, after=heard)  # nobody knows what was missed
        heard = doorbell.heard()
        doorbell.ring(Slice(1))
        await rings(doorbell, after=heard)


@asynccontextmanager
async def consuming(pool: asyncpg.Pool, doorbell: PostgresDoorbell) -> AsyncIterator[None]:
    async def handle(event: StoredEvent) -> None: ...

    consumer = Consumer(
        Subscription("test", BOOKING, AtLeastOnce(handle)),
        member=UUID(int=1),
        store=PostgresEventStore(pool),
        checkpoints=PostgresCheckpointStore(pool),
        doorbell=doorbell,
    )
    task = asyncio.create_task(consumer.run())
    yield
    task.cancel()
    await asyncio.wait([task])


async def arrive(pool: asyncpg.Pool, doorbell: PostgresDoorbell, *streams: int) -> None:
    """An event in each stream is appended, rung for, and consumed before the next."""
    for number in streams:
        appended = await append(PostgresEventStore(pool), stream(number), number)
        doorbell.ring(appended.slice)
        await caught_up(PostgresCheckpointStore(pool))


async def test_without_its_listener_a_consumer_polls_and_later_hears_again(
    database: str, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONNECT_AGAIN_AFTER", timedelta(milliseconds=10))
    async with (
        Cable(database) as cable,
        PostgresDoorbell(cable.url) as doorbell,
        consuming(pool, doorbell),
    ):
        await rings(doorbell, after=0)
        cable.fault = "request is lost"
        await arrive(pool, doorbell, 1, 2)
        assert doorbell.heard() == 1
        monkeypatch.setattr(loop, "POLL_FIRST", NEVER)
        monkeypatch.setattr(loop, "POLL_LAST", NEVER)
        cable.fault = None
        await rings(doorbell, after=1)
        await arrive(pool, doorbell, 3, 4, 5)


async def test_a_deaf_listener_is_replaced(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECT_AGAIN_AFTER", timedelta(milliseconds=10))
    monkeypatch.setattr(module, "CHECK_EVERY", timedelta(milliseconds=100))
    async with Cable(database) as cable, PostgresDoorbell(cable.url) as doorbell:
        await rings(doorbell, after=0)
        cable.fault = "silence"

        async def plugged_again() -> bool:
            return cable.plugged > 1

        await eventually(plugged_again, "it connects again")
        cable.fault = None
        await rings(doorbell, after=1)


async def test_without_a_server_it_is_silent_and_waiting_ends() -> None:
    async with PostgresDoorbell("postgresql://127.0.0.1:1/nowhere") as doorbell:
        doorbell.ring(Slice(1))
        await doorbell.wait(timedelta(milliseconds=10), after=0)
        assert doorbell.heard() == 0
