"""Runs a Temporal worker until SIGTERM or Ctrl-C; activities in flight may finish."""

import asyncio
import signal

from entrypoints.settings import Settings
from entrypoints.telemetry import configure_logging
from entrypoints.wiring import box_office, connect_temporal, worker


async def main() -> None:
    configure_logging()
    settings = Settings()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    client = await connect_temporal(settings)
    async with box_office(settings) as parts, worker(client, settings, parts):
        await stop.wait()
    await asyncio.sleep(0.5)  # the SDK's threads go idle before Python exits (sdk-python#300)


if __name__ == "__main__":
    asyncio.run(main())
