"""Runs the consumers of the log until SIGTERM or Ctrl-C.

The views and the process starter; or, if that is the process, the whole choreography.
"""

import asyncio
import signal
from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from entrypoints.choreographed import Choreography
from entrypoints.processes import members
from entrypoints.settings import Settings
from entrypoints.telemetry import configure_logging
from entrypoints.wiring import BoxOffice, box_office
from eventstore.consumer import Consumer

FINISH_WITHIN = timedelta(seconds=8)  # a member that says nothing for longer is taken for dead


async def main() -> None:
    configure_logging()
    settings = Settings()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with box_office(settings) as parts:
        await consume(settings, parts, await members(settings, parts), stopping)
    await asyncio.sleep(0.5)  # the SDK's threads go idle before Python exits (sdk-python#300)


async def consume(
    settings: Settings,
    parts: BoxOffice,
    consumers: Sequence[Consumer[asyncpg.Connection]],
    stopping: asyncio.Event,
) -> None:
    """All that this deployment's process needs of the log; events in hand are finished."""
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(each.run()) for each in consumers]
        sweeping = group.create_task(_sweep(settings, parts))
        await stopping.wait()
        sweeping.cancel()
        for each in consumers:
            each.stop()
        _, late = await asyncio.wait(running, timeout=FINISH_WITHIN.total_seconds())
        for task in late:
            task.cancel()


async def _sweep(settings: Settings, parts: BoxOffice) -> None:
    if settings.process == "choreographed":
        frequency = timedelta(seconds=settings.expiration_poll_seconds)
        await Choreography(settings, parts).run_sweeps(frequency)


if __name__ == "__main__":
    asyncio.run(main())
