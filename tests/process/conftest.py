from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from entrypoints.settings import Settings
from entrypoints.temporal import worker
from tests.support.stage import Stage, opened_stage


@pytest.fixture
async def stage(database: str, client: Client, task_queue: str) -> AsyncIterator[Stage]:
    settings = Settings(database_url=database, task_queue=task_queue)
    async with opened_stage(settings, client) as stage:
        yield stage


@pytest.fixture
async def running(stage: Stage, client: Client) -> AsyncIterator[Stage]:
    async with worker(client, stage.settings, stage.parts):
        yield stage
