"""What docker-compose.yml says of our services works: it is run, and sells a ticket.

Postgres and Temporal are real, and not of its images; the replicas of a service are one process.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from entrypoints.devstack.children import Child, claim
from entrypoints.devstack.cluster import ADMIN, passwords_of
from entrypoints.devstack.servers import postgres, temporal_server
from entrypoints.settings import LOOPBACK
from tests.integration.deploy.compose import interpolated, is_job, load, ours
from tests.integration.deploy.kubernetes import asked_paths
from tests.integration.deploy.machine import Machine
from tests.support.waiting import eventually

VARIABLES = {  # of .env
    **{
        f"POSTGRES_{role.upper()}_PASSWORD": f"only-the-{role}-knows-it"
        for role in ("owner", "worker", "consumer", "receiver", "reader", "operator")
    },
    "TEMPORAL_POSTGRES_PASSWORD": "of-the-other",
    "GRAFANA_PASSWORD": "of-its-admin",
    "BOX_OFFICE_WEBHOOK_SECRETS": "only the provider and we know it",
    "BOX_OFFICE_CODEC_TOKEN": "of-whoever-may-read",
    "BOX_OFFICE_PAYLOAD_KEYS": f"first:{b64encode(bytes(range(32))).decode()}",
}
COMPOSE = load()
OURS = ours(COMPOSE)
LONG_RUNNING = [name for name, service in OURS.items() if not is_job(service)]


@asynccontextmanager
async def _up(directory: Path) -> AsyncIterator[tuple[Machine, dict[str, Child]]]:
    """`docker compose --profile codec up`: the machine and our processes on it."""
    async with (
        claim(directory) as home,
        postgres(home, durable=False) as database,
        temporal_server(home, durable=False) as server,
        AsyncExitStack() as running,
    ):
        variables = {**VARIABLES, "POSTGRES_PASSWORD": passwords_of(home)[ADMIN]}
        machine = Machine(home, interpolated(COMPOSE["services"], variables))
        machine.ports.update({("postgres", 5432): database.port, ("temporal", 7233): server.port})
        for name in ("logins", "migrate"):
            async with machine.run(name) as job:
                assert await job.wait() == 0, job.log_tail()
        started = {
            name: await running.enter_async_context(machine.run(name)) for name in LONG_RUNNING
        }
        for name, process in started.items():  # one check at a time: each is a process, too
            await machine.until_healthy(name, process)
        yield machine, started


async def _cli(machine: Machine, *arguments: str) -> Any:
    async with machine.run("cli", *arguments, "--json") as command:
        assert await command.wait() == 0, command.log_tail()
        return json.loads(command.log.read_bytes()[command.log_start :])


async def _ask(machine: Machine, name: str, port: int, path: str) -> bytes:
    def ask() -> bytes:
        url = f"http://{LOOPBACK}:{machine.port(name, port)}{path}"
        with urlopen(url, timeout=10) as answer:
            body: bytes = answer.read()
            return body

    return await asyncio.to_thread(ask)


async def _until_told(machine: Machine) -> list[str]:
    """The states of the provider's notices, once none waits."""

    async def states() -> list[str]:
        notices = json.loads(await _ask(machine, "provider", 8400, "/v1/notices"))
        states = [notice["state"] for notice in notices]
        return [] if "waiting" in states else states

    return await eventually(states, "every notice is told")


@pytest.mark.timeout(240)
async def test_what_the_file_says_sells_a_ticket_and_stops_in_good_order(tmp_path: Path) -> None:
    async with _up(tmp_path) as (machine, started):
        await _cli(machine, "concert", "add", "entrypoints/devstack/concerts.json")
        seat = ("--concert", "concertA", "--client", "ann", "--seat", "3-14", "--id", "ann-1")
        placed = await _cli(machine, "place", *seat)
        paid = await _cli(machine, "pay", "ann-1")
        assert (placed["status"], paid["status"]) == ("confirmed", "applied")
        assert await _until_told(machine) == ["delivered"]
        subjects = [mail["subject"] for mail in await _cli(machine, "mail", "--client", "ann")]
        assert "Your tickets for booking ann-1" in subjects
        assert await _cli(machine, "verify") == {"findings": []}

        for name, port, path in asked_paths():
            await _ask(machine, name, port, path)

        codes = await asyncio.gather(*(process.stop() for process in started.values()))
        assert dict(zip(started, codes, strict=True)) == dict.fromkeys(started, 0)
        for name in started:
            with pytest.raises(RuntimeError, match="not healthy"):
                await machine.check(name)
