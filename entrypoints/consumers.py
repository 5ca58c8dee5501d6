"""Runs the consumers of the log until SIGTERM or Ctrl-C: views and process starter."""

import asyncio
import signal

from entrypoints.settings import Settings
from entrypoints.telemetry import configure_logging
from entrypoints.wiring import box_office, connect_temporal, consumers


async def main() -> None:
    configure_logging()
    settings = Settings()
    client = await connect_temporal()
    async with box_office(settings) as parts, asyncio.TaskGroup() as group:
        running = [group.create_task(each.run()) for each in consumers(client, settings, parts)]
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, _cancel, running)
    await asyncio.sleep(0.5)  # the SDK's threads go idle before Python exits (sdk-python#300)


def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
