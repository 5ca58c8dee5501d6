"""The doorbell wakes consumers of all processes by LISTEN and NOTIFY, on its own connection.

It never rings inside an append: NOTIFY takes a lock of the whole server until the commit is on
disk, so it would put all appends in one queue. Rings are collected and sent together instead.
"""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Self

import asyncpg
import structlog

from eventstore.faults import CONNECTION_FAULTS
from eventstore.slices import Slice

CHANNEL = "es_event"

SEND_EVERY = timedelta(milliseconds=10)  # one notification for all rings of this time
CHECK_EVERY = timedelta(seconds=30)  # a dead connection may be silent, so it is asked
CONNECT_AGAIN_AFTER = timedelta(seconds=1)  # meanwhile consumers poll

# $1 channel, $2 slices, for whoever listens with psql
NOTIFY = "SELECT pg_notify($1, $2)"

CHECK = "SELECT 1"

_log = structlog.get_logger()


class PostgresDoorbell:
    """A `Doorbell` between processes, inside `async with`; it is silent while disconnected."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._to_send: set[Slice] = set()
        self._has_rings = asyncio.Event()
        self._heard = 0
        self._rang = asyncio.Event()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        group = await self._stack.enter_async_context(asyncio.TaskGroup())
        task = group.create_task(self._stay_connected())
        self._stack.callback(task.cancel)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def ring(self, slice: Slice) -> None:
        self._to_send.add(slice)
        self._has_rings.set()

    def heard(self) -> int:
        return self._heard

    async def wait(self, within: timedelta, *, after: int) -> None:
        try:
            async with asyncio.timeout(within.total_seconds()):
                while self._heard <= after:
                    await self._rang.wait()
        except TimeoutError:
            return

    async def _stay_connected(self) -> None:
        while True:
            try:
                await self._serve()
            except (asyncpg.PostgresError, *CONNECTION_FAULTS) as error:
                _log.warning("doorbell lost its connection", error=repr(error))
            await asyncio.sleep(CONNECT_AGAIN_AFTER.total_seconds())

    async def _serve(self) -> None:
        """Listen and send until the connection is lost."""
        connection = await asyncpg.connect(self._database_url, timeout=CHECK_EVERY.total_seconds())
        try:
            connection.add_termination_listener(lambda _: self._has_rings.set())
            await connection.add_listener(CHANNEL, self._hear)
            self._hear()  # whatever rang while nobody listened
            while not connection.is_closed():
                await self._send(connection)
                await asyncio.sleep(SEND_EVERY.total_seconds())
            raise ConnectionResetError("the server closed the connection")
        finally:
            connection.terminate()

    async def _send(self, connection: asyncpg.Connection) -> None:
        """Wait for rings and send them; ask for a sign of life when there are none."""
        try:
            async with asyncio.timeout(CHECK_EVERY.total_seconds()):
                await self._has_rings.wait()
        except TimeoutError:
            await connection.execute(CHECK, timeout=CHECK_EVERY.total_seconds())
            return
        self._has_rings.clear()
        slices, self._to_send = sorted(self._to_send), set()
        if slices and not connection.is_closed():
            await connection.execute(NOTIFY, CHANNEL, ",".join(map(str, slices)))

    def _hear(self, *_: object) -> None:
        self._heard += 1
        self._rang.set()
        self._rang = asyncio.Event()
