"""One Postgres and one Temporal server for the whole session, started when a test asks for them.

Every test gets a database and a namespace of its own, so ids may be plain constants.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
import hypothesis
import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.testing import TimeSkipper
from temporalio.worker._workflow import _WorkflowWorker as WorkflowWorker

from entrypoints.devstack.children import Home, claim
from entrypoints.devstack.servers import Postgres, TemporalServer, postgres, temporal_server
from entrypoints.roles import OWNER
from entrypoints.settings import Settings
from entrypoints.wiring import migrate_database
from tests.support.clock import Clock
from tests.support.database import connected
from tests.support.mail_sink import MailSink, mail_sink_in
from tests.support.patience import SOON_SECONDS
from tests.support.provider import Provider, running
from workflows.encryption import data_converter

ROOT = Path(__file__).parents[1]
MIGRATIONS = [ROOT / "eventstore" / "migrations", ROOT / "ticketing" / "migrations"]
RETENTION = Duration(seconds=86_400)  # the shortest the server takes
SEARCH_ATTRIBUTES = {
    "ConcertId": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "ClientId": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
}
T = TypeVar("T")

hypothesis.settings.register_profile("any machine", deadline=None)  # 0.2 s an example
hypothesis.settings.load_profile("any machine")


@pytest.fixture(scope="session", autouse=True)
def _patience_with_workflow_code() -> Iterator[None]:
    """The SDK takes two seconds of workflow code for a deadlock; a slow machine may need more."""
    begin = WorkflowWorker.__init__

    def begin_patiently(worker: WorkflowWorker, *args: Any, **named: Any) -> None:
        begin(worker, *args, **named)
        worker._deadlock_timeout_seconds = int(SOON_SECONDS)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WorkflowWorker, "__init__", begin_patiently)
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for server in ("postgres", "temporal"):
            if server in getattr(item, "fixturenames", ()):
                item.add_marker(server)


@pytest.fixture(scope="session", name="postgres")
def _postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with _running(tmp_path_factory.mktemp("postgres"), partial(postgres, durable=False)) as server:
        yield server


@pytest.fixture(scope="session", name="temporal")
def _temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporalServer]:
    with _running(
        tmp_path_factory.mktemp("temporal"), partial(temporal_server, durable=False)
    ) as server:
        yield server


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> str:
    """A migrated database to clone: nothing may stay connected to it."""
    asyncio.run(migrate_database(Settings(database_url=postgres.url(role=OWNER))))
    return "box_office"


@pytest.fixture
async def database(postgres: Postgres, template: str) -> AsyncIterator[str]:
    """The URL of a fresh, migrated database for its superuser; `as_role` makes another's of it."""
    name = f"test_{uuid4().hex}"
    async with connected(postgres.url("postgres")) as connection:
        of = f"TEMPLATE {template} OWNER {OWNER} STRATEGY file_copy"
        await connection.execute(f"CREATE DATABASE {name} {of}")
    yield postgres.url(name)
    async with connected(postgres.url("postgres")) as connection:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await asyncpg.create_pool(database, min_size=1, max_size=20)
    yield pool
    pool.terminate()  # close() would wait for connections a timed-out test still holds


@pytest.fixture
def clock(database: str) -> Clock:
    return Clock(database)


@pytest.fixture
async def namespace(temporal: TemporalServer) -> str:
    return await fresh_namespace(temporal)


@pytest.fixture
async def client(temporal: TemporalServer, namespace: str) -> Client:
    """A client of the test's namespace; workflows it starts live in real time."""
    return await Client.connect(
        temporal.address,
        namespace=namespace,
        data_converter=data_converter(Settings().payload_keys),
    )


@pytest.fixture
def task_queue(namespace: str) -> str:
    """A task queue no other test uses."""
    return namespace


@pytest.fixture
async def mail_sink(tmp_path: Path) -> AsyncIterator[MailSink]:
    """A mail server of the test's own: `BOX_OFFICE_SMTP_URL` is its `smtp_url`."""
    async with mail_sink_in(tmp_path / "mail_sink") as sink:
        yield sink


@pytest.fixture
async def provider(tmp_path: Path) -> AsyncIterator[Provider]:
    """A payment provider of the test's own, up in half a second; it notifies nobody."""
    home, ledger = tmp_path / "provider", tmp_path / "ledger"
    async with claim(home) as claimed, running(ledger, claimed) as provider:
        yield provider


@pytest.fixture
def env(client: Client) -> TimeSkipper:
    """Moves the clock of workflows.

    `env.fast_forward(handle, by)` works on any of the namespace. Those started through
    `env.client` skip every wait by themselves, those started through `client` do not.
    """
    return TimeSkipper(client)


async def fresh_namespace(temporal: TemporalServer) -> str:
    name = f"test-{uuid4().hex}"
    client = await Client.connect(temporal.address)
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=RETENTION)
    )
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(namespace=name, search_attributes=SEARCH_ATTRIBUTES)
    )
    return name


@contextmanager
def _running(
    directory: Path, start: Callable[[Home], AbstractAsyncContextManager[T]]
) -> Iterator[T]:
    """Keeps a server up between two runs of a loop that no test sees."""

    @asynccontextmanager
    async def running() -> AsyncIterator[T]:
        async with claim(directory) as home, start(home) as server:
            yield server

    with asyncio.Runner() as runner:
        context = running()
        yield runner.run(context.__aenter__())
        runner.run(context.__aexit__(None, None, None))
