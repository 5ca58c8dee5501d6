"""The two sides of the comparison: each on a fresh stack of its own, alike but for the process."""

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import asyncpg

from entrypoints.devstack.children import Home, claim
from entrypoints.devstack.servers import postgres, temporal_server, until_ready
from entrypoints.devstack.stack import Ports, Stack, programs, stack
from entrypoints.processes import booking_process_on
from entrypoints.settings import Settings
from entrypoints.wiring import BoxOffice, box_office
from ticketing.process import BookingProcess

Say = Callable[[str], None]
Twin = Literal["orchestrated", "choreographed"]
TWINS: tuple[Twin, ...] = ("orchestrated", "choreographed")
Break = Literal["checkpoint-first", "no-append-lock"]  # for negative controls

PATIENCE_SECONDS = 60  # of a client: a busy machine, a consumer that was killed
BROKEN_CONSUMERS = ("-m", "benchmarks.compare.broken")

# Counts what every process sends; it must be there when Postgres starts.
PRELOAD = "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'"
COUNT_STATEMENTS = "CREATE EXTENSION pg_stat_statements"

APPEND = "SELECT pg_get_functiondef('es.append'::regproc)"
LOCK = "PERFORM pg_advisory_xact_lock('es.event'::regclass::oid::integer, p_slice);"
# Two appends meet between reading the last position and writing the next: the pause makes room.
UNLOCKED = "PERFORM pg_sleep(0);"
WRITE = "recorded_at := es.now();"
SLOW_WRITE = "PERFORM pg_sleep(0.05); recorded_at := es.now();"


@dataclass(slots=True)
class Side:
    """A twin that runs, and a client's way to it. What coordinates can be stopped and killed."""

    twin: Twin
    stack: Stack
    parts: BoxOffice
    process: BookingProcess
    consumers: tuple[str, ...] | None  # what Python runs instead of the real ones

    @property
    def coordinators(self) -> tuple[str, ...]:
        """Our processes that lead a booking to its end."""
        return ("worker", "consumers") if self.twin == "orchestrated" else ("consumers",)

    async def start(self, *names: str) -> None:
        """Starts programs, and waits for none."""
        for name in names:
            if name == "consumers" and self.consumers is not None:
                program = replace(programs(self.stack)[name], command=self.consumers)
                self.stack.parts[name] = await self.stack.running.enter_async_context(
                    self.stack.run(name, program)
                )
            else:
                await self.stack.start(name)

    async def ready(self, *names: str) -> None:
        """Waits until programs that were started work."""
        for name in names:
            await until_ready(self.stack.parts[name], programs(self.stack)[name].works)

    async def stop(self, *names: str) -> None:
        """Stops programs in good order."""
        for name in names:
            await self.stack.stop(name)

    async def kill(self, *names: str) -> None:
        """SIGKILL: no chance to tidy up."""
        for name in names:
            child = self.stack.parts.pop(name)
            child.kill()
            await child.wait()

    async def restart(self, **changes: object) -> None:
        """Starts what coordinates again, with changed settings."""
        self.stack.settings = self.stack.settings.model_copy(update=changes)
        await self.stop(*self.coordinators)
        await self.start(*self.coordinators)
        await self.ready(*self.coordinators)

    async def start_temporal(self) -> None:
        """Starts the Temporal server again, on what it had stored."""
        ports = self.stack.ports
        server = await self.stack.running.enter_async_context(
            temporal_server(self.stack.home, port=ports.temporal, ui_port=ports.ui)
        )
        self.stack.parts["temporal"] = server.child

    def log(self, name: str) -> str:
        """Everything that a program wrote."""
        return (self.stack.home.directory / f"{name}.log").read_text(errors="replace")


@asynccontextmanager
async def temporary_home() -> AsyncIterator[Home]:
    """A claimed directory that is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="box-office-", ignore_cleanup_errors=True) as where:
        async with claim(Path(where)) as claimed:
            yield claimed


@asynccontextmanager
async def side(
    home: Home, twin: Twin, say: Say, broken: Break | None = None
) -> AsyncIterator[Side]:
    """Starts a twin, every server durable; the choreography has no Temporal server.

    Both live in a directory of their own of the home, which knows all that was started.
    """
    home = replace(home, directory=home.directory / twin)
    home.directory.mkdir()
    await _count_statements_of(home)
    settings = Settings(process=twin, client_patience_seconds=PATIENCE_SECONDS)
    async with (
        stack(home, settings, Ports(), lambda _: None) as running,
        box_office(running.settings) as parts,
    ):
        await parts.pool.execute(COUNT_STATEMENTS)
        consumers = BROKEN_CONSUMERS if broken == "checkpoint-first" else None
        opened = Side(twin, running, parts, booking_process_on(running, parts), consumers)
        if broken == "no-append-lock":
            await _remove_append_lock(parts.pool)
        if broken == "checkpoint-first":
            await opened.restart()
        say(f"{twin}: its stack runs")
        yield opened


async def _count_statements_of(home: Home) -> None:
    async with postgres(home) as server:
        connection = await asyncpg.connect(server.url())
        try:
            await connection.execute(PRELOAD)
        finally:
            await connection.close()


async def _remove_append_lock(pool: asyncpg.Pool) -> None:
    """Replaces es.append by one in which nothing orders the appends of a slice."""
    text: str = await pool.fetchval(APPEND)
    assert LOCK in text
    assert WRITE in text
    await pool.execute(text.replace(LOCK, UNLOCKED).replace(WRITE, SLOW_WRITE))
