"""The receiver as a process of its own."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process

import aiohttp
import asyncpg
import pytest

from entrypoints.devstack.children import free_port
from entrypoints.errors import BAD_INPUT
from entrypoints.settings import LOOPBACK
from tests.integration.webhooks.provider import SECRET, Door, notice, stored
from tests.support.patience import SOON_SECONDS

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


async def until_ready(door: Door) -> None:
    """Asks until it is answered."""
    async with asyncio.timeout(SOON_SECONDS):
        while True:
            try:
                if await door.get("/ready") == 200:
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)


async def test_it_receives_until_sigterm_and_ends_well(database: str, pool: asyncpg.Pool) -> None:
    port = free_port()
    process = await start(port, BOX_OFFICE_DATABASE_URL=database, BOX_OFFICE_WEBHOOK_SECRETS=SECRET)
    async with aiohttp.ClientSession(f"http://{LOOPBACK}:{port}") as session:
        door = Door(session, port)
        try:
            await until_ready(door)
            assert await door.post(notice()) == (200, "stored")
        finally:
            process.terminate()
            _, told = await process.communicate()
    assert process.returncode == 0, told.decode()
    events = [json.loads(line)["event"] for line in told.splitlines()]
    assert events == ["notice received", "draining"]
    assert await stored(pool) == [("n1", "payment.captured")]


async def test_a_notice_in_flight_is_stored_and_answered_while_it_drains(
    database: str, pool: asyncpg.Pool
) -> None:
    port = free_port()
    process = await start(port, BOX_OFFICE_DATABASE_URL=database, BOX_OFFICE_WEBHOOK_SECRETS=SECRET)
    assert process.stderr is not None
    async with aiohttp.ClientSession(f"http://{LOOPBACK}:{port}") as session:
        door = Door(session, port)
        try:
            await until_ready(door)
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute("LOCK TABLE payments.notice")
                posting = asyncio.create_task(door.post(notice()))
                async with asyncio.timeout(SOON_SECONDS):
                    while not await pool.fetchval(WAITS):  # noqa: ASYNC110  # a lock tells nobody
                        await asyncio.sleep(0.02)
                process.terminate()
                assert b"draining" in await process.stderr.readline()
            assert await posting == (200, "stored")
            await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
    assert process.returncode == 0
    assert await stored(pool) == [("n1", "payment.captured")]


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"BOX_OFFICE_WEBHOOK_SECRETS": ""}, b"BOX_OFFICE_WEBHOOK_SECRETS: "),
        ({"BOX_OFFICE_WEBHOOK_SECRETS": SECRET, "BOX_OFFICE_X": "1"}, b"unknown BOX_OFFICE_X"),
    ],
)
async def test_bad_settings_are_told_without_the_secrets(
    database: str, environment: dict[str, str], told: bytes
) -> None:
    process = await start(free_port(), BOX_OFFICE_DATABASE_URL=database, **environment)
    _, stderr = await process.communicate()
    assert process.returncode == BAD_INPUT
    assert told in stderr
    assert SECRET.encode() not in stderr
