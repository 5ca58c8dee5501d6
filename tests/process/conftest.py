from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from entrypoints.settings import Settings
from entrypoints.temporal import worker
from tests.support.stage import Stage, opened_stage


@pytest.fixture
def provider_url() -> str:
    """The address of a provider that nobody asks; tests with payments start one."""
    return "http://127.0.0.1:9"


@pytest.fixture
async def stage(
    database: str, client: Client, task_queue: str, provider_url: str
) -> AsyncIterator[Stage]:
    settings = Settings(database_url=database, task_queue=task_queue, provider_url=provider_url)
    async with opened_stage(settings, client) as stage:
        yield stage


@pytest.fixture
async def running(stage: Stage, client: Client) -> AsyncIterator[Stage]:
    async with worker(client, stage.settings, stage.parts):
        yield stage
