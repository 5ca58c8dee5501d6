"""How our programs end: drained, at once, or because something is wrong."""

import asyncio
import signal
import sys

import pytest
from temporalio.client import Client

from entrypoints.devstack.children import Home, child
from entrypoints.errors import BAD_INPUT, DEFECT
from entrypoints.interrupts import OUT_OF_TIME, SIGNALLED
from entrypoints.settings import LOOPBACK
from tests.support.builders import place
from tests.support.patience import SOON_SECONDS
from tests.support.programs import CONSUMERS, WORKER, program, until_told
from workflows.client import start_booking

STUCK = """
import asyncio, sys
from datetime import timedelta
from entrypoints import interrupts
from entrypoints.observability.telemetry import configure_logging

async def main():
    configure_logging()
    interrupts.DRAIN_MAX = timedelta(seconds=float(sys.argv[1]))
    async with interrupts.draining() as drain:
        print("up", flush=True)
        await drain.wait()
        print("drains", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
PATIENT, IMPATIENT = "60", "0.2"


@pytest.mark.parametrize(
    ("command", "number"),
    [(WORKER, signal.SIGINT), (CONSUMERS, signal.SIGTERM)],
    ids=["worker", "consumers"],
)
async def test_a_signal_ends_a_program_well(
    home: Home, finds: dict[str, str], command: tuple[str, ...], number: signal.Signals
) -> None:
    async with program(home, "program", command, finds) as running:
        running.child.process.send_signal(number)
        assert await running.child.wait() == 0
        assert [line["event"] for line in running.lines()] == ["draining"]


async def test_a_worker_that_drains_finishes_its_activity_and_is_alive_but_not_ready(
    home: Home, finds: dict[str, str], client: Client, task_queue: str
) -> None:
    begun = home.directory / "begun"
    command = ("-m", "tests.support.recording_worker", str(begun), "2")
    async with program(home, "worker", command, finds) as running:
        await start_booking(client, task_queue, place("b1", "1-1"))
        await until_told(begun, "reserve_seats")
        running.child.process.terminate()
        assert await running.until_not_ready() == {"process": "draining"}
        assert (await running.get("/live"))[0] == 200
        assert await running.child.wait() == 0


async def test_a_second_signal_ends_a_worker_in_the_middle_of_its_activity(
    home: Home, finds: dict[str, str], client: Client, task_queue: str
) -> None:
    begun = home.directory / "begun"
    command = ("-m", "tests.support.recording_worker", str(begun), PATIENT)
    async with program(home, "worker", command, finds) as running:
        await start_booking(client, task_queue, place("b1", "1-1"))
        await until_told(begun, "reserve_seats")
        running.child.process.terminate()
        await until_told(running.child.log, "draining")
        running.child.process.terminate()
        async with asyncio.timeout(SOON_SECONDS):
            assert await running.child.wait() == SIGNALLED + signal.SIGTERM


async def test_a_drain_that_takes_too_long_is_ended(home: Home) -> None:
    async with child(home, "stuck", (sys.executable, "-c", STUCK, IMPATIENT)) as stuck:
        await until_told(stuck.log, "up")
        stuck.process.terminate()
        async with asyncio.timeout(SOON_SECONDS):
            assert await stuck.wait() == OUT_OF_TIME
        assert "out of time" in stuck.log_tail()


async def test_a_fatal_error_ends_a_worker_and_is_told(home: Home, finds: dict[str, str]) -> None:
    async with child(
        home,
        "worker",
        (sys.executable, *WORKER),
        environment={**finds, "TEMPORAL_NAMESPACE": "nobody-made-it"},
    ) as worker:
        assert await worker.wait() == DEFECT
    assert "ended by a defect" in worker.log_tail()
    assert "nobody-made-it" in worker.log_tail()


@pytest.mark.parametrize(
    ("setting", "code", "told"),
    [
        ("BOX_OFFICE_HEALTH_ADDRESS", BAD_INPUT, "nobody can listen at {}: Address already in use"),
        ("BOX_OFFICE_METRICS_ADDRESS", BAD_INPUT, "METRICS_ADDRESS: {} cannot be used: "),
    ],
)
async def test_an_address_that_is_taken_is_told(
    home: Home, finds: dict[str, str], setting: str, code: int, told: str
) -> None:
    taken = await asyncio.start_server(lambda *_: None, LOOPBACK, 0)
    async with taken:
        address = f"{LOOPBACK}:{taken.sockets[0].getsockname()[1]}"
        changes = {**finds, setting: address}
        async with child(home, "late", (sys.executable, *WORKER), environment=changes) as late:
            assert await late.wait() == code
    assert told.format(address) in late.log_tail()
