"""Runs a Temporal worker until SIGTERM or Ctrl-C; activities in flight may finish.

With TEMPORAL_DEPLOYMENT_NAME it is a version of that deployment (docs/deployment.md); which one,
TEMPORAL_WORKER_BUILD_ID says, or git.
"""

import asyncio
import signal
from collections.abc import Sequence

from entrypoints.settings import Settings, WorkerVersion
from entrypoints.telemetry import configure_logging
from entrypoints.wiring import WORKFLOWS, box_office, connect_temporal, worker


async def main(workflows: Sequence[type] = WORKFLOWS) -> None:
    configure_logging()
    settings = Settings()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    client = await connect_temporal(settings)
    async with (
        box_office(settings) as parts,
        worker(client, settings, parts, version=WorkerVersion(), workflows=workflows),
    ):
        await stop.wait()
    await asyncio.sleep(0.5)  # the SDK's threads go idle before Python exits (sdk-python#300)


if __name__ == "__main__":
    asyncio.run(main())
