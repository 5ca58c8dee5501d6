"""The two sides of the comparison. Each has a fresh stack; only the process differs."""

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import asyncpg
from pydantic import PostgresDsn

from entrypoints.devstack.children import Home, claim
from entrypoints.devstack.cluster import ADMIN, as_role
from entrypoints.devstack.servers import postgres, temporal_server
from entrypoints.devstack.stack import Ports, Stack, programs, stack
from entrypoints.processes import booking_process
from entrypoints.settings import Settings
from entrypoints.wiring import BoxOffice, box_office
from ticketing.process import BookingProcess

Say = Callable[[str], None]
Twin = Literal["orchestrated", "choreographed"]
TWINS: tuple[Twin, ...] = ("orchestrated", "choreographed")
Break = Literal["checkpoint-first", "no-append-lock"]  # for negative controls

PATIENCE_SECONDS = 60  # a client waits so long on a busy machine, or for a killed consumer
BROKEN_CONSUMERS = ("-m", "benchmarks.compare.broken")

# The extension counts the statements of all processes. Postgres loads it when it starts.
PRELOAD = "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'"
COUNT_STATEMENTS = "CREATE EXTENSION pg_stat_statements"

APPEND = "SELECT pg_get_functiondef('es.append'::regproc)"
LOCK = "PERFORM pg_advisory_xact_lock('es.event'::regclass::oid::integer, p_slice);"
# Two appends collide between reading the last position and writing the next; the pause helps.
UNLOCKED = "PERFORM pg_sleep(0);"
WRITE = "recorded_at := es.now();"
SLOW_WRITE = "PERFORM pg_sleep(0.05); recorded_at := es.now();"


@dataclass(slots=True)
class Side:
    """A running twin, and a client's way to it. Its programs can be stopped and killed."""

    twin: Twin
    stack: Stack
    parts: BoxOffice
    process: BookingProcess
    consumers: tuple[str, ...] | None  # Python runs these instead of the real ones

    @property
    def coordinators(self) -> tuple[str, ...]:
        """The programs that bring a booking to its end."""
        return ("worker", "consumers") if self.twin == "orchestrated" else ("consumers",)

    async def start(self, *names: str) -> None:
        """Start programs without waiting for them; Temporal's server keeps what it had stored."""
        for name in names:
            if name == "temporal":
                await self._start_temporal()
            elif name == "consumers" and self.consumers is not None:
                program = replace(programs(self.stack)[name], command=self.consumers)
                self.stack.parts[name] = await self.stack.running.enter_async_context(
                    self.stack.run(name, program)
                )
            else:
                await self.stack.start(name)

    async def stop(self, *names: str) -> None:
        """Stop programs and let them finish what they are doing."""
        for name in names:
            await self.stack.stop(name)

    async def kill(self, *names: str) -> None:
        """Kill programs by SIGKILL."""
        for name in names:
            child = self.stack.parts.pop(name)
            child.kill()
            await child.wait()

    async def restart(self, **changes: object) -> None:
        """Restart the coordinating programs with changed settings."""
        self.stack.settings = self.stack.settings.model_copy(update=changes)
        await self.stop(*self.coordinators)
        await self.start(*self.coordinators)
        for name in self.coordinators:
            await self.stack.until_ready(name)

    async def _start_temporal(self) -> None:
        ports = self.stack.ports
        server = await self.stack.running.enter_async_context(
            temporal_server(self.stack.home, port=ports.temporal, ui_port=ports.ui)
        )
        self.stack.parts["temporal"] = server.child

    def log(self, name: str) -> str:
        """Return everything that a program wrote."""
        return (self.stack.home.directory / f"{name}.log").read_text(errors="replace")


@asynccontextmanager
async def temporary_home() -> AsyncIterator[Home]:
    """Claim a directory that is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="box-office-", ignore_cleanup_errors=True) as where:
        async with claim(Path(where)) as claimed:
            yield claimed


@asynccontextmanager
async def side(
    home: Home, twin: Twin, say: Say, broken: Break | None = None
) -> AsyncIterator[Side]:
    """Start a twin with durable servers; the choreography has no Temporal server.

    Each twin has a directory of its own in the home, which records every program that is started.
    """
    home = replace(home, directory=home.directory / twin)
    home.directory.mkdir()
    await _count_statements_of(home)
    settings = Settings(process=twin, client_patience_seconds=PATIENCE_SECONDS)
    async with (
        stack(home, settings, Ports(), lambda _: None) as running,
        box_office(_as_superuser(running.settings)) as parts,
    ):
        await parts.pool.execute(COUNT_STATEMENTS)
        consumers = BROKEN_CONSUMERS if broken == "checkpoint-first" else None
        process = booking_process(running.settings, parts, running.client)
        opened = Side(twin, running, parts, process, consumers)
        if broken == "no-append-lock":
            await _remove_append_lock(parts.pool)
        if broken == "checkpoint-first":
            await opened.restart()
        say(f"{twin}: the stack is running")
        yield opened


def _as_superuser(settings: Settings) -> Settings:
    """Return the settings of somebody who may count the statements of every role."""
    url = PostgresDsn(as_role(str(settings.database_url), ADMIN))
    return settings.model_copy(update={"database_url": url})


async def _count_statements_of(home: Home) -> None:
    async with postgres(home) as server:
        connection = await asyncpg.connect(server.url())
        try:
            await connection.execute(PRELOAD)
        finally:
            await connection.close()


async def _remove_append_lock(pool: asyncpg.Pool) -> None:
    """Replace es.append by a version in which nothing orders the appends of a slice."""
    text: str = await pool.fetchval(APPEND)
    assert LOCK in text
    assert WRITE in text
    await pool.execute(text.replace(LOCK, UNLOCKED).replace(WRITE, SLOW_WRITE))
