"""A terminal in front of a running office: worker, consumers and provider of the test's own."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
import structlog
from temporalio.client import Client

from entrypoints.devstack.cluster import as_role
from entrypoints.devstack.servers import TemporalServer
from entrypoints.processes import members
from entrypoints.roles import name_of
from entrypoints.settings import Settings
from entrypoints.temporal import worker
from entrypoints.wiring import BoxOffice, box_office
from tests.support.builders import CONCERT, HOLD, PRICE, concert
from tests.support.provider import Provider
from ticketing.notifications.api import Notification
from ticketing.notifications.postgres import PostgresNotifier


@pytest.fixture(autouse=True)
def _stdout_belongs_to_the_commands() -> Iterator[None]:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    yield
    structlog.reset_defaults()


@pytest.fixture
def servers(
    database: str,
    client: Client,
    task_queue: str,
    temporal: TemporalServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    """The environment leads to the test's servers; nobody works there yet."""
    operators = as_role(database, name_of("operator"))
    monkeypatch.setenv("BOX_OFFICE_DATABASE_URL", operators)
    monkeypatch.setenv("BOX_OFFICE_TASK_QUEUE", task_queue)
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal.address)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", client.namespace)
    return Settings()


@pytest.fixture
async def parts(servers: Settings) -> AsyncIterator[BoxOffice]:
    """What workers in this process stand on."""
    async with box_office(servers) as parts:
        await parts.reservations.add_concert(concert(CONCERT, PRICE, HOLD))
        yield parts


@pytest.fixture
async def office(
    servers: Settings,
    client: Client,
    provider: Provider,
    parts: BoxOffice,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[BoxOffice]:
    monkeypatch.setenv("BOX_OFFICE_PROVIDER_URL", provider.url)
    settings = Settings()

    async def send(_: Notification) -> None:
        """Nobody is told."""

    async with box_office(settings) as opened:
        own = replace(opened, notifier=PostgresNotifier(opened.pool, send))
        async with worker(client, settings, own), asyncio.TaskGroup() as group:
            running = [group.create_task(member.run()) for member in members(settings, own, client)]
            yield own
            for task in running:
                task.cancel()
