"""An HTTP server for the length of a block; requests in flight may finish."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import FastAPI

from entrypoints.errors import BAD_INPUT, Failure
from entrypoints.http.connection import HEAD_BYTES_MAX, BoundedProtocol, raise_file_limit
from entrypoints.interrupts import SHUTDOWN

ACCEPTED_AT_ONCE = 4  # a few rounds of it go by before a slow one is ended: FILES_OF_OURS has room
QUEUE = 1024  # of connections that wait to be accepted: a burst is not refused


class Server(uvicorn.Server):
    """Leaves signals to the program; uvicorn would kill the process, its pool still open."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in sockets or ():
            listening.listen(QUEUE)  # asyncio has one number for the queue and for ACCEPTED_AT_ONCE

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(application: FastAPI, *, host: str, port: int) -> AsyncIterator[int]:
    """Serve the application and yield its port: a free one for 0.

    Raises:
        Failure: nobody can listen there.
    """
    raise_file_limit()
    config = uvicorn.Config(
        application,
        http=BoundedProtocol,
        ws="none",
        h11_max_incomplete_event_size=HEAD_BYTES_MAX,
        backlog=ACCEPTED_AT_ONCE,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=int(SHUTDOWN.total_seconds()),
    )
    with _listening(host, port) as listening:
        server = Server(config)
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            await running


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # By its protocol asyncio knows that it is TCP, and does not hold back small packets 40 ms.
        listening = socket.socket(family, kind, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen()
    except OSError as error:
        message = f"nobody can listen at {host}:{port}: {error.strerror}"
        raise Failure(BAD_INPUT, "BadAddress", message) from error
    return listening
