"""SIGTERM takes a worker away without repeating what it had begun."""

import asyncio
from collections import Counter
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals

import pytest
from temporalio.client import Client

from entrypoints.devstack.children import claim
from tests.support.builders import place
from tests.support.programs import environment, program, until_told
from tests.support.stage import Stage
from ticketing.process import PlaceAnswer

BOOKINGS, BEGUN = 50, 5
STEP_SECONDS = 0.5  # of a reservation: the signal comes in the middle of some
ROWS, SEATS = 3, 10  # of the concert: some seats are wanted twice

Ended = tuple[list[PlaceAnswer], Counter[str], int | None]


async def replaced_amid_50_bookings(
    stage: Stage, client: Client, directory: Path, signal: Signals
) -> Ended:
    """The decisions, how often each step of each booking was begun, and the first's exit code."""
    begun = directory / "begun"
    command = ("-m", "tests.support.recording_worker", str(begun), str(STEP_SECONDS))
    finds = environment(str(stage.settings.database_url), client, stage.settings.task_queue)
    wanted = [place(f"b{n}", f"{n % ROWS + 1}-{n % SEATS + 1}") for n in range(BOOKINGS)]
    async with claim(directory) as home:
        placing = [asyncio.create_task(stage.process.place(request)) for request in wanted]
        async with program(home, "first", command, finds) as first:
            await until_told(begun, "reserve_seats", BEGUN)
            first.child.process.send_signal(signal)
            code = await first.child.wait()
        assert not all(task.done() for task in placing), "nothing is left for the second"
        async with program(home, "second", command, finds):
            decisions = await asyncio.gather(*placing)
    return decisions, Counter(begun.read_text().splitlines()), code


@pytest.mark.timeout(120)
async def test_sigterm_repeats_no_begun_step(stage: Stage, client: Client, tmp_path: Path) -> None:
    decisions, begun, code = await replaced_amid_50_bookings(stage, client, tmp_path, SIGTERM)
    assert code == 0
    assert {decision.status for decision in decisions} <= {"confirmed", "denied"}
    assert len(decisions) == BOOKINGS
    assert {step: times for step, times in begun.items() if times > 1} == {}
    assert len({step.split()[0] for step in begun if "reserve_seats" in step}) == BOOKINGS


@pytest.mark.timeout(120)
async def test_control_sigkill_repeats_steps(stage: Stage, client: Client, tmp_path: Path) -> None:
    decisions, begun, _ = await replaced_amid_50_bookings(stage, client, tmp_path, SIGKILL)
    assert len(decisions) == BOOKINGS
    assert max(begun.values()) > 1
