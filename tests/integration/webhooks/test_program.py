"""The receiver as a process of its own."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import asyncpg

from entrypoints.devstack.children import free_port
from entrypoints.errors import BAD_INPUT
from entrypoints.settings import LOOPBACK
from tests.integration.webhooks.provider import SECRET, Door, notice, stored
from tests.support.waiting import eventually

WAITS = """
SELECT EXISTS (SELECT FROM pg_locks
                WHERE relation = 'payments.notice'::regclass AND NOT granted)
"""


async def start(port: int, **environment: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "entrypoints.cli", "webhooks", "--port", str(port)),
        env=os.environ | environment,
        stderr=PIPE,
    )


@asynccontextmanager
async def running(database: str) -> AsyncIterator[tuple[Process, Door]]:
    port = free_port()
    process = await start(port, BOX_OFFICE_DATABASE_URL=database, BOX_OFFICE_WEBHOOK_SECRETS=SECRET)
    try:
        async with aiohttp.ClientSession(f"http://{LOOPBACK}:{port}") as session:
            door = Door(session, port)
            await door.until("/ready")
            yield process, door
    finally:
        if process.returncode is None:
            process.terminate()
            await process.communicate()


async def test_it_receives_until_sigterm_and_ends_well(database: str, pool: asyncpg.Pool) -> None:
    async with running(database) as (process, door):
        assert await door.post(notice()) == (200, "stored")
        process.terminate()
        _, told = await process.communicate()
    assert process.returncode == 0, told.decode()
    events = [json.loads(line)["event"] for line in told.splitlines()]
    assert events == ["notice received", "draining"]
    assert await stored(pool) == [("n1", "payment.captured")]


async def test_draining_stores_the_notice_in_flight(database: str, pool: asyncpg.Pool) -> None:
    async def waits() -> bool:
        return bool(await pool.fetchval(WAITS))

    async with running(database) as (process, door):
        assert process.stderr is not None
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("LOCK TABLE payments.notice")
            posting = asyncio.create_task(door.post(notice()))
            await eventually(waits, "the notice waits for the table")
            process.terminate()
            assert b"draining" in await process.stderr.readline()
        assert await posting == (200, "stored")
        await process.communicate()
    assert process.returncode == 0
    assert await stored(pool) == [("n1", "payment.captured")]


async def test_without_a_secret_it_does_not_start(database: str) -> None:
    finds = {"BOX_OFFICE_DATABASE_URL": database, "BOX_OFFICE_WEBHOOK_SECRETS": ""}
    process = await start(free_port(), **finds)
    _, told = await process.communicate()
    assert process.returncode == BAD_INPUT
    assert b"BOX_OFFICE_WEBHOOK_SECRETS: " in told
