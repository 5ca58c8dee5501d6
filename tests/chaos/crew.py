"""Processes that are killed at random, and started again."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from entrypoints.devstack.children import Child, Home, child
from entrypoints.devstack.stack import environment_of
from entrypoints.settings import Settings

# Starts a process under a name that only this life of it has: `one.2` is its second.
Start = Callable[[str], AbstractAsyncContextManager[Child]]

Busy = Callable[[], Awaitable[Collection[str]]]  # the lives that it hurts to end


@dataclass(slots=True)
class Crew:
    """The living, by name. Works inside `crew_of`."""

    starts: Mapping[str, Start]
    stack: AsyncExitStack
    living: dict[str, Child] = field(default_factory=dict)
    lives: Counter[str] = field(default_factory=Counter)
    kills: list[datetime] = field(default_factory=list)

    async def start(self, name: str) -> None:
        self.lives[name] += 1
        start = self.starts[name](self._life(name))
        self.living[name] = await self.stack.enter_async_context(start)

    async def kill(self, name: str) -> None:
        """SIGKILL; returns when it is dead."""
        process = self.living.pop(name)
        process.kill()
        await process.wait()
        self.kills.append(datetime.now(UTC))

    async def stop(self, name: str) -> int:
        """SIGTERM; the exit code."""
        return await self.living.pop(name).stop()

    def names(self) -> set[str]:
        return {self._life(name) for name in self.living}

    async def disturb(
        self, chance: Random, every: timedelta, lasting: timedelta, busy: Busy
    ) -> None:
        """Kill one that works every so often; at the end all live."""
        for _ in range(int(lasting / every)):
            await asyncio.sleep(every.total_seconds())
            working = await busy()
            victims = [name for name in self.living if self._life(name) in working]
            if victims:
                name = chance.choice(victims)
                await self.kill(name)
                await self.start(name)

    def _life(self, name: str) -> str:
        return f"{name}.{self.lives[name]}"


@asynccontextmanager
async def crew_of(starts: Mapping[str, Start]) -> AsyncIterator[Crew]:
    """Nobody lives at first, and nobody in the end."""
    async with AsyncExitStack() as stack:
        crew = Crew(starts, stack)
        yield crew
        for process in crew.living.values():
            process.kill()  # to stop them in good order takes seconds


def program(home: Home, settings: Settings, *command: str, **environment: str) -> Start:
    """A program of ours; the database knows its life's name, too."""

    def start(life: str) -> AbstractAsyncContextManager[Child]:
        url = f"{settings.database_url}&application_name={life}"
        ours = {**environment_of(settings), "BOX_OFFICE_DATABASE_URL": url, **environment}
        return child(home, life, (sys.executable, *command), environment=ours)

    return start
