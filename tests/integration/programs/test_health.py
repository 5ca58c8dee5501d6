"""What an orchestrator is told: a program is alive, and whether it can work."""

import asyncio

import pytest

from entrypoints.devstack.children import Home
from entrypoints.observability.health import ANSWER_WITHIN_SECONDS, Readiness
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


async def test_however_often_it_is_probed_the_servers_are_asked_once_a_second() -> None:
    asked: list[str] = []

    async def ask() -> None:
        asked.append("postgres")

    readiness = Readiness(asyncio.Event(), {"postgres": ask})
    await asyncio.gather(*(readiness.troubles() for _ in range(50)))
    assert asked == ["postgres"]
