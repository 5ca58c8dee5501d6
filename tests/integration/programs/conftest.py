"""Servers that a test can take away from a program, and give back."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from temporalio.client import Client

from entrypoints.devstack.children import Home, claim
from tests.integration.eventstore.cable import Cable
from tests.support.programs import environment


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with claim(tmp_path / "home") as home:
        yield home


@pytest.fixture
async def to_postgres(database: str) -> AsyncIterator[Cable]:
    async with Cable(database) as cable:
        yield cable


@pytest.fixture
async def to_temporal(client: Client) -> AsyncIterator[Cable]:
    async with Cable(f"grpc://temporal@{client.service_client.config.target_host}") as cable:
        yield cable


@pytest.fixture
def finds(
    to_postgres: Cable, to_temporal: Cable, client: Client, task_queue: str
) -> dict[str, str]:
    """What leads a program to the test's servers, by cables that can be broken."""
    temporal = urlsplit(to_temporal.url)
    return {
        **environment(f"{to_postgres.url}", client, task_queue),
        "TEMPORAL_ADDRESS": f"{temporal.hostname}:{temporal.port}",
    }
