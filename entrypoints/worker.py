"""Runs a Temporal worker until SIGTERM or Ctrl-C; activities in flight may finish.

With TEMPORAL_DEPLOYMENT_NAME it is a version of that deployment (docs/deployment.md); which one,
TEMPORAL_WORKER_BUILD_ID says, or git.
"""

import asyncio
import sys
from collections.abc import Sequence

from entrypoints.cli.answers import exit_code
from entrypoints.interrupts import draining
from entrypoints.observability.health import Readiness, health, needs_of, routes
from entrypoints.observability.telemetry import configure
from entrypoints.settings import Settings, WorkerVersion
from entrypoints.temporal import WORKFLOWS, connect_temporal, worker
from entrypoints.wiring import box_office


async def main(workflows: Sequence[type] = WORKFLOWS) -> None:
    configure("box-office-worker")
    settings = Settings()
    async with draining() as drain:
        client = await connect_temporal(settings)
        async with box_office(settings) as parts:
            readiness = Readiness(drain, needs_of(parts, client))
            # Inside: it answers until the last activity has ended.
            async with (
                health(settings, routes(readiness, parts.metrics)),
                worker(client, settings, parts, version=WorkerVersion(), workflows=workflows),
            ):
                await drain.wait()


if __name__ == "__main__":
    sys.exit(exit_code(lambda: asyncio.run(main()), as_json=False))
