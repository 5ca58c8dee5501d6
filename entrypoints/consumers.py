"""Runs the consumers of the log until SIGTERM or Ctrl-C.

The views and the process starter; or, if that is the process, the whole choreography.
"""

import asyncio
import signal
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from entrypoints.choreographed import Choreography
from entrypoints.processes import members
from entrypoints.settings import Settings
from entrypoints.telemetry import configure_logging
from entrypoints.wiring import BoxOffice, box_office


async def main() -> None:
    configure_logging()
    settings = Settings()
    async with box_office(settings) as parts:
        await consume(settings, parts)
    await asyncio.sleep(0.5)  # the SDK's threads go idle before Python exits (sdk-python#300)


async def consume(settings: Settings, parts: BoxOffice) -> None:
    """All that this deployment's process needs of the log, until a signal."""
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(each) for each in await _loops(settings, parts)]
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, _cancel, running)


async def _loops(settings: Settings, parts: BoxOffice) -> list[Coroutine[Any, Any, None]]:
    loops = [each.run() for each in await members(settings, parts)]
    if settings.process == "choreographed":
        frequency = timedelta(seconds=settings.expiration_poll_seconds)
        loops.append(Choreography(settings, parts).run_sweeps(frequency))
    return loops


def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
