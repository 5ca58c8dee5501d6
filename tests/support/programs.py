"""Our programs as processes of their own on a test's servers, and what others ask them."""

import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
from prometheus_client.parser import text_string_to_metric_families
from temporalio.client import Client

from entrypoints.devstack.children import Child, Home, child, free_port
from entrypoints.devstack.servers import listens, until_ready
from entrypoints.settings import LOOPBACK
from tests.support.stage import Stage
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
WORKER = (str(ROOT / "worker.py"),)
CONSUMERS = ("-m", "entrypoints.cli", "consumers")
Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Running:
    """A program, and the port of its /live, /ready and /metrics."""

    child: Child
    health: int

    async def get(self, path: str, port: int | None = None) -> tuple[int, str]:
        url = f"http://{LOOPBACK}:{port or self.health}{path}"
        async with ClientSession() as session, session.get(url) as answer:
            return answer.status, await answer.text()

    async def troubles(self) -> dict[str, str] | None:
        """Why it is not ready; None if it is."""
        status, body = await self.get("/ready")
        answer = json.loads(body)
        assert (status == 200) == answer["ready"]
        return None if answer["ready"] else dict(answer["troubles"])

    async def until_ready(self) -> None:
        async def is_ready() -> bool:
            return await self.troubles() is None

        await eventually(is_ready, "it is ready")

    async def until_not_ready(self) -> dict[str, str]:
        return await eventually(self.troubles, "it is not ready") or {}

    async def metrics(self, port: int | None = None) -> dict[str, dict[Labels, float]]:
        """What Prometheus would store of it: the series of each name."""
        series: dict[str, dict[Labels, float]] = {}
        _, text = await self.get("/metrics", port)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                series.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
        return series

    def lines(self) -> list[dict[str, Any]]:
        """What it logged: every line is JSON, or this fails."""
        text = self.child.log.read_bytes()[self.child.log_start :].decode()
        return [dict(json.loads(line)) for line in text.splitlines()]


async def until_told(file: Path, text: str, times: int = 1) -> None:
    async def is_told() -> bool:
        return _count(file, text) >= times

    await eventually(is_told, f"{file} says {times} times: {text}")


def _count(file: Path, text: str) -> int:
    return file.read_text().count(text) if file.exists() else 0


def environment(database: str, client: Client, task_queue: str) -> dict[str, str]:
    return {
        "BOX_OFFICE_DATABASE_URL": database,
        "BOX_OFFICE_TASK_QUEUE": task_queue,
        "TEMPORAL_ADDRESS": client.service_client.config.target_host,
        "TEMPORAL_NAMESPACE": client.namespace,
        "TEMPORAL_CONFIG_FILE": os.devnull,
        "PYTHONPATH": str(ROOT),
    }


def worker_process(
    home: Home, stage: Stage, client: Client, command: Sequence[str | Path] = WORKER, **more: str
) -> AbstractAsyncContextManager[Child]:
    """The real worker, or another program, on the stage's servers; nobody waits for it."""
    finds = environment(str(stage.settings.database_url), client, stage.settings.task_queue)
    return child(home, "worker", (sys.executable, *command), environment={**finds, **more})


@asynccontextmanager
async def program(
    home: Home, name: str, command: Sequence[str], environment: dict[str, str]
) -> AsyncIterator[Running]:
    """Runs it until the block ends; it answers from the start of the block on."""
    health = free_port()
    changes = {**environment, "BOX_OFFICE_HEALTH_ADDRESS": f"{LOOPBACK}:{health}"}
    async with child(home, name, (sys.executable, *command), environment=changes) as started:
        await until_ready(started, lambda: listens(health))
        yield Running(started, health)
