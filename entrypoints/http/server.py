"""Serves the application until SIGTERM or Ctrl-C; requests in flight may finish."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from entrypoints.http.app import app
from entrypoints.settings import Settings
from entrypoints.wiring import SHUTDOWN, box_office


class Server(uvicorn.Server):
    """Ends when it is told to; uvicorn's own would then kill the process, its pool still open."""

    def __init__(self, application: FastAPI, *, host: str, port: int) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                host=host,
                port=port,
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=int(SHUTDOWN.total_seconds()),
            )
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGTERM, signal.SIGINT)
        for number in numbers:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)


async def serve(settings: Settings, *, host: str, port: int) -> None:
    """Receives the provider's notices at `/webhooks/payments`."""
    async with box_office(settings) as parts:
        await Server(app(settings, parts), host=host, port=port).serve()
