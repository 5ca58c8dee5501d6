"""Workers, consumers, the provider and Temporal itself are killed; every process ends well."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import HttpUrl
from temporalio.client import Client

from entrypoints.devstack.children import Child, Home, claim, free_port
from entrypoints.devstack.servers import temporal_server
from entrypoints.settings import LOOPBACK, Settings
from entrypoints.wiring import ROOT, BoxOffice
from tests.chaos.arena import PATIENCE, START, Attack, report, survive
from tests.chaos.clients import Clients
from tests.chaos.crew import Crew, Start, crew_of, program
from tests.support.provider import running
from tests.support.waiting import eventually
from workflows.client import OrchestratedBookingProcess
from workflows.encryption import data_converter

ATTACK = Attack(300, kill_every=timedelta(seconds=2), lasting=timedelta(seconds=60))
SERVERS = ("temporal", "provider")  # they answer once they are started
CONNECTED = """
SELECT DISTINCT application_name AS life
  FROM pg_stat_activity
 WHERE datname = current_database()
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    url = HttpUrl(f"http://{LOOPBACK}:{free_port()}")
    return settings.model_copy(update={"process": "orchestrated", "provider_url": url})


@pytest.fixture
def temporal_port() -> int:
    return free_port()


@pytest.fixture
async def crew(settings: Settings, temporal_port: int, tmp_path: Path) -> AsyncIterator[Crew]:
    temporal = {
        "TEMPORAL_ADDRESS": f"{LOOPBACK}:{temporal_port}",
        "TEMPORAL_NAMESPACE": "default",
        "TEMPORAL_CONFIG_FILE": os.devnull,
    }
    async with claim(tmp_path / "crew") as home:
        worker = program(home, settings, str(ROOT / "worker.py"), **temporal)
        starts = {
            "temporal": _temporal(home, temporal_port),
            "provider": _provider(home, settings, tmp_path / "ledger"),
            "worker-1": worker,
            "worker-2": worker,
            "consumers": program(home, settings, "-m", "entrypoints.cli", "consumers", **temporal),
        }
        async with crew_of(starts) as crew:
            yield crew


def _temporal(home: Home, port: int) -> Start:
    """On its file: whoever is killed comes back with everything that was acknowledged."""

    @asynccontextmanager
    async def start(_: str) -> AsyncIterator[Child]:
        async with temporal_server(home, port=port) as server:
            yield server.child

    return start


def _provider(home: Home, settings: Settings, ledger: Path) -> Start:
    port = settings.provider_url.port
    assert port is not None

    @asynccontextmanager
    async def start(life: str) -> AsyncIterator[Child]:
        async with running(ledger, home, name=life, port=port) as provider:
            yield provider.child

    return start


@pytest.mark.chaos
@pytest.mark.timeout(300)
async def test_every_process_ends_as_it_should_whatever_is_killed(
    parts: BoxOffice,
    settings: Settings,
    crew: Crew,
    temporal_port: int,
    seed: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    client = await Client.connect(
        f"{LOOPBACK}:{temporal_port}", data_converter=data_converter(), lazy=True
    )
    process = OrchestratedBookingProcess(client, settings.task_queue, patience=PATIENCE)
    clients = Clients(process, parts.provider, parts.bookings)

    async def busy() -> set[str]:
        servers = {name for name in crew.names() if name.startswith(SERVERS)}
        return servers | {row["life"] for row in await parts.pool.fetch(CONNECTED)}

    async def all_processes_have_ended() -> bool:
        return (await client.count_workflows("ExecutionStatus = 'Running'")).count == 0

    outcome = await survive(ATTACK, seed, parts, clients, crew, busy)
    with capsys.disabled():
        print(report("orchestrated", seed, crew, outcome))
    assert outcome.violations == []
    assert min(crew.lives.values()) > 1  # each of them died at least once
    await eventually(all_processes_have_ended, "all processes have ended", START)
