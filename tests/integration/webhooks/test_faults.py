"""A 2xx means stored, with the effect; anything else means that nothing was: H46."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import cast

import asyncpg
import pytest

from entrypoints.devstack.servers import Postgres
from entrypoints.settings import Settings
from entrypoints.webhooks import routes
from entrypoints.webhooks.app import app
from entrypoints.wiring import BoxOffice
from eventstore.api import EventStore
from eventstore.postgres.log import PostgresEventStore
from eventstore.slices import Slice, StreamId, slice_of
from tests.integration.webhooks.provider import Door, all_tables, logged, notice, serving, stored
from ticketing.notice_receiver import NoticeReceiver
from ticketing.payment_provider.notices import Notice, Stored
from ticketing.payment_provider.postgres import PostgresNoticeInbox, store

CAPTURED = ("n1", "payment.captured")
REPORTED = ("payment-bank-7", "PaymentReported")

# Its owner may kill backends, the owner of the log may not. The sleep is where the signal is seen.
KILL_THE_APPEND = """
CREATE FUNCTION public.kill_backend() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $fn$
BEGIN
  PERFORM pg_terminate_backend(pg_backend_pid());
  PERFORM pg_sleep(10);
  RETURN NEW;
END $fn$;
CREATE TRIGGER kill_backend BEFORE INSERT ON es.event
  FOR EACH ROW EXECUTE FUNCTION public.kill_backend();
"""
SPARE_THE_APPEND = "DROP TRIGGER kill_backend ON es.event"

KILL_ALL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = $1 AND pid <> pg_backend_pid()
"""


class AutocommitInbox(PostgresNoticeInbox):
    """Deduplicates in a transaction of its own, as it must not be done."""

    @asynccontextmanager
    async def storing(self, notice: Notice) -> AsyncIterator[tuple[Stored, EventStore]]:
        async with self._pool.acquire() as connection:
            tx = cast(asyncpg.Connection, connection)
            yield await store(tx, notice), self._log_in(tx)


class LosesTheCommitReply(PostgresNoticeInbox):
    """Commits, and does not learn of it, once."""

    lost = False

    @asynccontextmanager
    async def storing(self, notice: Notice) -> AsyncIterator[tuple[Stored, EventStore]]:
        async with super().storing(notice) as stored:
            yield stored
        if not self.lost:
            self.lost = True
            raise ConnectionResetError


def with_inbox(parts: BoxOffice, inbox: PostgresNoticeInbox) -> BoxOffice:
    return replace(parts, notices=NoticeReceiver(inbox, parts.doorbell))


async def test_h46_a_crash_leaves_neither_notice_nor_effect(door: Door, pool: asyncpg.Pool) -> None:
    before = await all_tables(pool)
    await pool.execute(KILL_THE_APPEND)
    assert await door.post(notice()) == (503, "unavailable")
    assert await all_tables(pool) == before
    await pool.execute(SPARE_THE_APPEND)
    assert await door.post(notice()) == (200, "stored")
    assert await stored(pool) == [CAPTURED]
    assert await logged(pool) == [REPORTED]


async def test_control_in_two_transactions_that_crash_loses_the_payment(
    settings: Settings, parts: BoxOffice, pool: asyncpg.Pool
) -> None:
    parts = with_inbox(parts, AutocommitInbox(pool, PostgresEventStore))
    async with serving(app(settings, parts, asyncio.Event())) as door:
        await pool.execute(KILL_THE_APPEND)
        assert await door.post(notice()) == (503, "unavailable")
        await pool.execute(SPARE_THE_APPEND)
        assert await door.post(notice()) == (200, "known")
    assert await stored(pool) == [CAPTURED]
    assert await logged(pool) == []


async def test_h46_after_a_lost_commit_reply_the_repeat_finds_both(
    settings: Settings, parts: BoxOffice, pool: asyncpg.Pool
) -> None:
    parts = with_inbox(parts, LosesTheCommitReply(pool, PostgresEventStore))
    async with serving(app(settings, parts, asyncio.Event())) as door:
        assert await door.post(notice()) == (503, "unavailable")
        assert await door.post(notice()) == (200, "known")
    assert await stored(pool) == [CAPTURED]
    assert await logged(pool) == [REPORTED]


async def test_while_the_database_is_down_the_provider_is_asked_to_repeat(
    door: Door, postgres: Postgres, database: str
) -> None:
    name = database.rpartition("/")[2].partition("?")[0]
    assert await door.get("/ready") == 200
    server = await asyncpg.connect(postgres.url("postgres"))
    try:
        await server.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
        await server.execute(KILL_ALL, name)
        assert await door.post(notice()) == (503, "unavailable")
        await door.until("/ready", 503)
        assert await door.get("/live") == 200
        await server.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
    finally:
        await server.close()
    assert await door.post(notice()) == (200, "stored")
    await door.until("/ready", 200)


async def test_a_database_that_does_not_answer_is_not_waited_for_for_ever(
    door: Door, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "STORE_TIMEOUT", routes.STORE_TIMEOUT / 50)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE payments.notice")
        assert await door.post(notice()) == (503, "unavailable")
    assert await door.post(notice()) == (200, "stored")


class _Rung(list[Slice]):
    def ring(self, slice: Slice) -> None:
        self.append(slice)


async def test_the_doorbell_rings_after_the_commit(pool: asyncpg.Pool) -> None:
    rung, rung_before_commit = _Rung(), _Rung()

    class Watched(PostgresNoticeInbox):
        @asynccontextmanager
        async def storing(self, notice: Notice) -> AsyncIterator[tuple[Stored, EventStore]]:
            async with super().storing(notice) as stored:
                yield stored
                rung_before_commit.extend(rung)

    receiver = NoticeReceiver(Watched(pool, PostgresEventStore), rung)
    await receiver.receive(Notice.model_validate_json(notice()))
    assert rung_before_commit == []
    assert rung == [slice_of(StreamId("payment-bank-7"))]
