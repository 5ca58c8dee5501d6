"""A connection to the server that breaks where a test wants it to."""

import asyncio
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

# What happens to the next bytes: a request does not arrive, an answer does not come back, or
# nothing arrives any more and nobody is told.
Fault = Literal["request is lost", "answer is lost", "silence"]


class Cable:
    """Between clients that use its `url` and the database; `fault` breaks it."""

    def __init__(self, database: str) -> None:
        self._database = urlsplit(database)
        self._lines: set[asyncio.Task[None]] = set()
        self._unplugged = asyncio.Event()
        self.fault: Fault | None = None
        self.plugged = 0  # how often somebody connected

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._plug, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._server.close()
        self._unplugged.set()
        await asyncio.gather(*self._lines)

    @property
    def url(self) -> str:
        host, port = self._server.sockets[0].getsockname()
        return self._database._replace(netloc=f"{self._database.username}@{host}:{port}").geturl()

    async def _plug(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self.plugged += 1
        line = asyncio.current_task()
        assert line is not None
        self._lines.add(line)
        server, to_server = await asyncio.open_connection(
            self._database.hostname, self._database.port
        )
        ends = (
            asyncio.create_task(self._carry(client, to_server, "request is lost")),
            asyncio.create_task(self._carry(server, to_client, "answer is lost")),
            asyncio.create_task(self._unplugged.wait()),
        )
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        for writer in (to_client, to_server):
            writer.transport.abort()
        await asyncio.wait(ends)
        self._lines.discard(line)

    async def _carry(
        self, source: asyncio.StreamReader, to: asyncio.StreamWriter, breaks: Fault
    ) -> None:
        """Until one end hangs up or the cable breaks."""
        while (data := await source.read(65_536)) and self.fault != breaks:
            if self.fault != "silence":
                to.write(data)
                await to.drain()
