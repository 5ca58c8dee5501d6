"""What an orchestrator is told: a program is alive, and whether it can work."""

import asyncio

import pytest
from pydantic import PostgresDsn

from entrypoints.devstack.children import Home
from entrypoints.observability.health import ANSWER_WITHIN_SECONDS, Readiness
from entrypoints.settings import Settings
from entrypoints.wiring import box_office, needs_of
from tests.integration.eventstore.cable import Cable, Fault
from tests.support.programs import CONSUMERS, WORKER, program

A_PROBERS_PATIENCE_SECONDS = 1.0  # Kubernetes' default

UP = "box_office_dependency_up"
MEASURE = "box_office_pending_refunds"


@pytest.mark.parametrize(
    ("command", "server", "fault", "trouble"),
    [
        (WORKER, "postgres", "silence", f"no answer within {ANSWER_WITHIN_SECONDS} s"),
        (CONSUMERS, "temporal", "request is lost", "RPCError"),
    ],
    ids=["worker", "consumers"],
)
async def test_a_program_is_alive_but_not_ready_while_it_does_not_reach_a_server(
    home: Home,
    finds: dict[str, str],
    to_postgres: Cable,
    to_temporal: Cable,
    command: tuple[str, ...],
    server: str,
    fault: Fault,
    trouble: str,
) -> None:
    cable = {"postgres": to_postgres, "temporal": to_temporal}[server]
    async with program(home, "program", command, finds) as running:
        await running.until_ready()
        cable.fault = fault
        assert await running.until_not_ready() == {server: trouble}
        assert await running.get("/live") == (200, "")
        shown = await running.metrics()
        assert shown[UP][frozenset({("dependency", server)})] == 0
        assert (MEASURE in shown) == (command == CONSUMERS)  # Postgres can be asked all the same
        cable.fault = None
        await running.until_ready()


def test_whoever_probes_has_more_patience_than_an_answer_takes() -> None:
    assert ANSWER_WITHIN_SECONDS < A_PROBERS_PATIENCE_SECONDS


async def test_no_answer_waits_for_a_silent_server(database: str, to_postgres: Cable) -> None:
    async with box_office(Settings(database_url=PostgresDsn(to_postgres.url))) as parts:
        readiness = Readiness(asyncio.Event(), needs_of(parts, None))
        to_postgres.fault = "silence"
        async with asyncio.timeout(3 * ANSWER_WITHIN_SECONDS):  # asyncpg alone takes 5 s longer
            assert await readiness.troubles() == {
                "postgres": f"no answer within {ANSWER_WITHIN_SECONDS} s"
            }
        parts.pool.terminate()


async def test_however_often_it_is_probed_the_servers_are_asked_once_a_second() -> None:
    asked: list[str] = []

    async def ask() -> None:
        asked.append("postgres")

    readiness = Readiness(asyncio.Event(), {"postgres": ask})
    await asyncio.gather(*(readiness.troubles() for _ in range(50)))
    assert asked == ["postgres"]


async def test_whoever_drains_is_not_ready_and_says_why() -> None:
    drain = asyncio.Event()
    readiness = Readiness(drain, {"postgres": _answers})
    assert await readiness.troubles() == {}
    drain.set()
    assert await readiness.troubles() == {"process": "draining"}


async def _answers() -> None: ...
