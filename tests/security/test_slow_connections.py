"""Whoever connects and is silent, or slow, is let go: others are answered all the while."""

import asyncio
import resource
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from fastapi import FastAPI, Request, Response

from entrypoints.devstack.children import Child, Home, child, claim, free_port
from entrypoints.http import connection, server
from entrypoints.settings import LOOPBACK
from tests.integration.webhooks.provider import SECRET, Door, serving
from tests.security.effort import FULL
from tests.support.patience import SOON_SECONDS

SOON = timedelta(milliseconds=50)
LARGE = b"x" * 32 * 1024 * 1024  # more than the sockets' buffers hold
HEAD = b"GET /ready HTTP/1.1\r\nHost: box-office\r\n"
BODY = b"POST /webhooks/payments HTTP/1.1\r\nHost: box-office\r\nContent-Length: 100\r\n\r\n{"
# Seconds: Kubernetes' default, for a machine that does nothing else.
A_PROBERS_PATIENCE = aiohttp.ClientTimeout(total=1 if FULL else SOON_SECONDS / 4)
FEW_FILES = 128
TASKS: set[asyncio.Future[None]] = set()  # of clients that come again
Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with claim(tmp_path / "home") as home:
        yield home


@pytest.fixture
def released() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
async def door(released: asyncio.Event) -> AsyncIterator[Door]:
    application = FastAPI()

    @application.get("/ready")
    async def ready() -> None: ...

    @application.get("/large")
    async def large() -> Response:
        return Response(LARGE)

    @application.get("/released")
    async def wait() -> None:
        await released.wait()

    @application.post("/webhooks/payments")
    async def receive(request: Request) -> None:
        await request.body()

    async with serving(application) as door:
        yield door


@asynccontextmanager
async def connected(port: int, sent: bytes = b"") -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(sent)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def until_ended(client: Client) -> bytes:
    """What was read until the server ended the connection."""
    read = b""
    async with asyncio.timeout(SOON_SECONDS):
        try:
            while more := await client[0].read(65_536):
                read += more
        except ConnectionError:
            pass
    return read


@pytest.mark.parametrize(
    "sent", [b"", HEAD[:10], HEAD, HEAD + b"\r\n" + HEAD, HEAD + b"\r\n"], ids=len
)
async def test_a_request_that_does_not_come_is_not_waited_for(
    door: Door, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(connection, "REQUEST_TIMEOUT", SOON)
    async with connected(door.port, sent) as client:
        assert (await until_ended(client)).count(b"HTTP/1.1 200") == sent.count(b"\r\n\r\n")


async def test_a_head_that_comes_a_byte_at_a_time_does_not_buy_more_time(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "REQUEST_TIMEOUT", SOON)
    async with connected(door.port, HEAD) as client:

        async def drip() -> None:
            while True:
                client[1].write(b"x")
                await asyncio.sleep(0.01)  # so slow is this client

        dripping = asyncio.create_task(drip())
        assert await until_ended(client) == b""
        dripping.cancel()


async def test_an_answer_that_nobody_reads_is_not_kept(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ANSWER_TIMEOUT", SOON)
    monkeypatch.setattr(connection, "REQUEST_TIMEOUT", SOON)
    lost, lose = asyncio.Event(), connection.BoundedProtocol.connection_lost

    def losing(protocol: connection.BoundedProtocol, error: Exception | None) -> None:
        lose(protocol, error)
        lost.set()

    monkeypatch.setattr(connection.BoundedProtocol, "connection_lost", losing)
    async with connected(door.port, HEAD.replace(b"/ready", b"/large") + b"\r\n") as client:
        client[1].transport.pause_reading()  # type: ignore[attr-defined]  # a transport of sockets
        await lost.wait()
        client[1].transport.resume_reading()  # type: ignore[attr-defined]
        assert len(await until_ended(client)) < len(LARGE)


async def test_a_head_without_end_is_refused(door: Door) -> None:
    endless = HEAD + b"X-Long: " + b"x" * connection.HEAD_BYTES_MAX
    async with connected(door.port, endless) as client:
        assert (await until_ended(client)).startswith(b"HTTP/1.1 400 ")


async def test_a_newcomer_ends_the_connection_that_owes_a_request_for_the_longest_time(
    door: Door, monkeypatch: pytest.MonkeyPatch, released: asyncio.Event
) -> None:
    monkeypatch.setattr(connection, "CONNECTIONS_MAX", 3)
    waiting = HEAD.replace(b"/ready", b"/released") + b"\r\n"
    async with connected(door.port, waiting) as asked, AsyncExitStack() as stack:
        slow = [
            await stack.enter_async_context(connected(door.port, sent))
            for sent in (b"", HEAD, BODY, BODY)
        ]
        for client in slow[:2]:
            await until_ended(client)
        assert await door.get("/ready") == 200
        await until_ended(slow[2])
        released.set()
        assert (await asked[0].readline()).startswith(b"HTTP/1.1 200 ")


def test_the_server_has_fewer_connections_than_it_may_open_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for files, connections in (
        (1_024, connection.CONNECTIONS_MAX),
        (resource.RLIM_INFINITY, connection.CONNECTIONS_MAX),
        (FEW_FILES, FEW_FILES - connection.FILES_OF_OURS),
        (10, 1),
    ):
        monkeypatch.setattr(resource, "getrlimit", lambda _, files=files: (files, files))
        assert connection.connections_max() == connections
    assert server.ACCEPTED_AT_ONCE * 8 < connection.FILES_OF_OURS


@asynccontextmanager
async def receiver(home: Home, database: str, *limits: str) -> AsyncIterator[tuple[Child, int]]:
    """The receiver as a process of its own, in a shell with limits."""
    port = free_port()
    program = f"exec {sys.executable} -m entrypoints.cli webhooks --port {port}"
    finds = {"BOX_OFFICE_DATABASE_URL": database, "BOX_OFFICE_WEBHOOK_SECRETS": SECRET}
    command = ("sh", "-c", "; ".join((*limits, program)))
    async with child(home, "webhooks", command, environment=finds) as process:
        async with aiohttp.ClientSession(f"http://{LOOPBACK}:{port}") as session:
            await Door(session, port).until("/ready")
        yield process, port


async def _probe(port: int, times: int, pause_seconds: float) -> Sequence[float]:
    """Ask `/ready` on a connection of its own each time, as a prober does; the seconds it took."""
    loop, took = asyncio.get_running_loop(), []
    for _ in range(times):
        began = loop.time()
        async with (
            aiohttp.ClientSession(timeout=A_PROBERS_PATIENCE) as session,
            session.get(f"http://{LOOPBACK}:{port}/ready") as answer,
        ):
            assert answer.status == 200
        took.append(loop.time() - began)
        await asyncio.sleep(pause_seconds)
    return took


class Slow(asyncio.Protocol):
    """Sends the beginning of a request, a byte a second after that, and comes again if ended."""

    def __init__(self, port: int, begin: bytes, crowd: set["Slow"]) -> None:
        self.port, self.begin, self.crowd = port, begin, crowd
        self.transport: asyncio.Transport | None = None
        crowd.add(self)

    async def connect(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: self, LOOPBACK, self.port)
        except OSError:
            self.connection_lost(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self.begin)
        self.drip()

    def drip(self) -> None:
        if self.begin and self.transport:
            self.transport.write(b"x")
            asyncio.get_running_loop().call_later(1, self.drip)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self in self.crowd:
            again = asyncio.get_running_loop().call_later
            again(1, lambda: TASKS.add(asyncio.ensure_future(self.connect())))

    def leave(self) -> None:
        self.crowd.discard(self)
        if self.transport:
            self.transport.abort()


@pytest.mark.parametrize(
    ("clients", "limits"),
    [(1_000, ()), (160, (f"ulimit -n {FEW_FILES}",))],
    ids=["a thousand", "few files"],
)
async def test_a_prober_is_answered_at_once_however_many_clients_are_silent_or_slow(
    home: Home, database: str, clients: int, limits: tuple[str, ...]
) -> None:
    """Shows that silent clients take no place that a prober needs, nor fill the log."""
    crowd: set[Slow] = set()
    async with receiver(home, database, *limits) as (process, port):
        slow = [Slow(port, (b"", HEAD, BODY, b"")[number % 4], crowd) for number in range(clients)]
        await asyncio.gather(*(client.connect() for client in slow))
        took = await _probe(port, times=200 if FULL else 30, pause_seconds=0.1)
        held = sum(client.transport is not None for client in slow)
        for client in slow:
            client.leave()
        print(f"/ready: {max(took):.3f} s at most; {held} of {clients} slow clients were connected")
        assert held < clients * 3 / 4
        assert process.is_running()
        assert process.log.stat().st_size < 64 * 1024
