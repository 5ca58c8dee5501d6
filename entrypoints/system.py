"""The whole system on this machine: Postgres, Temporal, Web UI, worker and consumers."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import PostgresDsn

from entrypoints.children import Child, Home, claim, free_port, start_child
from entrypoints.embedded import postgres, temporal_server
from entrypoints.settings import Settings
from entrypoints.wiring import ROOT, migrate_database

PROGRAMS = {"worker": (str(ROOT / "worker.py"),), "consumers": ("-m", "entrypoints.consumers")}


@dataclass(slots=True)
class Stack:
    """A running stack. Worker and consumers are processes of their own: they can be killed."""

    home: Home
    settings: Settings
    temporal_address: str
    ui_url: str
    worker: Child
    consumers: Child

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to find this stack."""
        return environment_of(self.settings, self.temporal_address)

    async def restart_worker(self) -> None:
        """Start a worker again after it ended or was killed."""
        self.worker = await _start(self.home, "worker", self.environment)

    async def wait_for_the_end_of_a_part(self) -> Child:
        """The first of our processes that ends by itself."""
        parts = (self.worker, self.consumers)
        waits = {asyncio.create_task(part.wait()): part for part in parts}
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return waits[done.pop()]
        finally:
            for wait in waits:
                wait.cancel()


def environment_of(settings: Settings, temporal_address: str) -> dict[str, str]:
    """The variables that lead a process to these servers."""
    return {
        "BOX_OFFICE_DATABASE_URL": str(settings.database_url),
        "BOX_OFFICE_TASK_QUEUE": settings.task_queue,
        "BOX_OFFICE_REMINDER_BEFORE_SECONDS": str(settings.reminder_before_seconds),
        "TEMPORAL_ADDRESS": temporal_address,
    }


@asynccontextmanager
async def stack(
    directory: Path,
    settings: Settings,
    *,
    temporal_port: int | None = None,
    ui_port: int | None = None,
    postgres_port: int | None = None,
) -> AsyncIterator[Stack]:
    """Run everything in a directory; what is in it goes on where it was.

    Raises:
        StackError: a part did not start, or the directory is in use.
    """
    async with AsyncExitStack() as running:
        home = await running.enter_async_context(claim(directory))
        database = await running.enter_async_context(postgres(home, port=postgres_port))
        temporal = await running.enter_async_context(
            temporal_server(home, port=temporal_port, ui_port=ui_port or free_port())
        )
        settings = settings.model_copy(update={"database_url": PostgresDsn(database.url())})
        await migrate_database(settings)
        environment = environment_of(settings, temporal.address)
        started = Stack(
            home=home,
            settings=settings,
            temporal_address=temporal.address,
            ui_url=f"http://127.0.0.1:{temporal.ui_port}",
            worker=await _start(home, "worker", environment),
            consumers=await _start(home, "consumers", environment),
        )
        try:
            yield started
        finally:
            await started.worker.stop()
            await started.consumers.stop()


async def _start(home: Home, name: str, environment: dict[str, str]) -> Child:
    command = (sys.executable, *PROGRAMS[name])
    return await start_child(home, name, command, environment=environment)
