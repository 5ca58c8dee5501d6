"""Runs the consumers of the log until SIGTERM or Ctrl-C.

The views and the process starter; or, if that is the process, the whole choreography.
"""

import asyncio
import sys
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from entrypoints.choreographed import Choreography
from entrypoints.cli.answers import exit_code
from entrypoints.interrupts import draining
from entrypoints.observability.health import Readiness, health, needs_of, routes
from entrypoints.observability.telemetry import configure
from entrypoints.processes import members, temporal_of
from entrypoints.settings import Settings
from entrypoints.wiring import BoxOffice, ConsumerOfOurs, box_office, measure

FINISH_WITHIN = timedelta(seconds=8)  # a member that says nothing for longer is taken for dead


async def main() -> None:
    configure("box-office-consumers")
    settings = Settings()
    async with draining() as drain, box_office(settings) as parts:
        client = await temporal_of(settings)
        router = routes(
            Readiness(drain, needs_of(parts, client)), parts.metrics, partial(measure, parts)
        )
        async with health(settings, router):
            await consume(settings, parts, members(settings, parts, client), drain)


async def consume(
    settings: Settings,
    parts: BoxOffice,
    consumers: Sequence[ConsumerOfOurs],
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
    sys.exit(exit_code(lambda: asyncio.run(main()), as_json=False))
