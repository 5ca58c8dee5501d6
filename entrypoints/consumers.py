"""Runs the consumers of the log until SIGTERM or Ctrl-C.

The views and the process starter; or, if that is the process, the whole choreography.
"""

import asyncio
import sys
from collections.abc import Coroutine
from datetime import timedelta
from functools import partial
from typing import Any

from entrypoints.answers import exit_code
from entrypoints.choreographed import Choreography
from entrypoints.health import Readiness, health, needs_of, routes
from entrypoints.interrupts import draining
from entrypoints.processes import members, temporal_of
from entrypoints.settings import Settings
from entrypoints.telemetry import configure
from entrypoints.wiring import BoxOffice, ConsumerOfOurs, box_office, measure


async def main() -> None:
    configure("box-office-consumers")
    settings = Settings()
    async with draining() as drain, box_office(settings) as parts:
        client = await temporal_of(settings)
        readiness = Readiness(drain, needs_of(parts, client))
        loops = _loops(settings, parts, members(settings, parts, client))
        async with (
            health(settings, routes(readiness, parts.metrics, partial(measure, parts))),
            asyncio.TaskGroup() as group,
        ):
            running = [group.create_task(each) for each in loops]
            await drain.wait()
            for each in running:
                each.cancel()


def _loops(
    settings: Settings, parts: BoxOffice, members: list[ConsumerOfOurs]
) -> list[Coroutine[Any, Any, None]]:
    loops = [each.run() for each in members]
    if settings.process == "choreographed":
        frequency = timedelta(seconds=settings.expiration_poll_seconds)
        loops.append(Choreography(settings, parts).run_sweeps(frequency))
    return loops


if __name__ == "__main__":
    sys.exit(exit_code(lambda: asyncio.run(main()), as_json=False))
