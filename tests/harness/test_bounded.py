"""Whatever hangs: the run ends, says what failed, and leaves no process."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

ROOT = Path(__file__).parents[2]
HANGING = "tests/harness/hanging.py"
LIMITS = ("--timeout=2", "-otimeout_grace=1")
LOOK_EVERY_SECONDS = 0.05
pytestmark = pytest.mark.timeout(300)  # what is tested here ends in well under a minute

SETUP, CALL, TEARDOWN = (
    f"{outcome} - Failed: {phase} took longer than 2 s"
    for outcome, phase in (("ERROR", "setup"), ("FAILED", "call"), ("ERROR", "teardown"))
)
FAILED = "FAILED - AssertionError: as it should"
CRASHED = "FAILED - worker 'gw' crashed while running 'tests/harness/hanging.py::{}'"
OUTLIVED = "ERROR - Failed: processes outlived the test"
HANGS = {
    "test_fails": {FAILED},
    "test_in_setup": {SETUP},
    "test_in_call": {CALL},
    "test_in_teardown": {TEARDOWN},
    "test_fails_and_then_in_teardown": {FAILED, TEARDOWN},
    "test_in_a_task_that_swallows_cancellation": {TEARDOWN},
    "test_in_a_call_that_swallows_cancellation": {CALL, TEARDOWN},
    "test_in_a_thread": {CALL, TEARDOWN},
    "test_without_a_loop": {CALL},
    "test_with_a_child": {CALL, OUTLIVED},
    "test_leaves_a_grandchild": {OUTLIVED},
    "test_ends_the_run": {TEARDOWN},
}
TWO_WORKERS = ("-n2", "--dist=loadfile")


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code, and what it printed."""

    code: int
    output: str

    def summary(self) -> dict[str, set[str]]:
        """Return the tests that it says failed, and why."""
        found: dict[str, set[str]] = {}
        line = rf"^(FAILED|ERROR) {HANGING}::(\w+)([^\[\n]*)"
        for outcome, test, why in re.findall(line, self.output, re.MULTILINE):
            found.setdefault(test, set()).add(re.sub(r"gw\d", "gw", outcome + why).strip())
        return found


async def ended(
    directory: Path, *arguments: str, interrupt_when: Callable[[str], bool] | None = None
) -> Ended:
    """Run pytest to its end, or press Ctrl-C when the output says so; it leaves no process."""
    log, mark = directory / "output", directory / "mark"
    mark.mkdir()
    command = (sys.executable, "-m", "pytest", "-v", "--confcutdir=tests/harness", *LIMITS)
    outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(*command, *arguments),
            cwd=ROOT,
            env={**outer, "MARK": str(mark), "COLUMNS": "300", "PYTHONUNBUFFERED": "1"},
            stdin=DEVNULL,
            stdout=output,
            stderr=STDOUT,
            start_new_session=True,
        )
    if interrupt_when:
        while not (list(mark.iterdir()) and interrupt_when(log.read_text())):
            assert process.returncode is None, log.read_text()
            await asyncio.sleep(LOOK_EVERY_SECONDS)
        os.killpg(process.pid, signal.SIGINT)
    code = await process.wait()
    left = [line for line in await processes() if str(mark) in line]
    assert not left, (code, left, log.read_text())
    return Ended(code, log.read_text())


async def processes() -> list[str]:
    """Return the command lines of all processes."""
    listing = await asyncio.create_subprocess_exec("ps", "-Aww", "-oargs=", stdout=PIPE)
    return (await listing.communicate())[0].decode().splitlines()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def run(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """One run of all that hangs, one after the other."""
    tests = [f"{HANGING}::{test}" for test in ("test_passes", *HANGS)]
    return await ended(tmp_path_factory.mktemp("run"), *tests)


def test_the_run_ends_with_a_summary_of_all_that_hung(run: Ended) -> None:
    assert run.summary() == HANGS, run.output
    assert f"{HANGING}::test_passes PASSED" in run.output


def test_a_call_that_is_broken_off_leaves_its_blocks_in_order(run: Ended) -> None:
    assert "left in order" in run.output


def test_the_stacks_of_tasks_and_threads_are_printed(run: Ended) -> None:
    printed = run.output.partition("test_in_a_task_that_swallows_cancellation ____")[2]
    stacks = printed.partition("Captured stacks teardown")[2].partition("______")[0]
    assert "Thread MainThread" in stacks
    assert "Task Task-" in stacks
    assert "in waits_for_nothing\n    await asyncio.Event().wait()" in stacks


@pytest.mark.parametrize("workers", [(), TWO_WORKERS], ids=["alone", "two_workers"])
async def test_ctrl_c_prints_what_failed(workers: Sequence[str], tmp_path: Path) -> None:
    tests = [f"{HANGING}::{test}" for test in ("test_fails", "test_is_interrupted")]
    arguments = (*workers, "--timeout=1000", *tests)
    run = await ended(tmp_path, *arguments, interrupt_when=lambda output: "FAILED" in output)
    assert run.code == pytest.ExitCode.INTERRUPTED
    assert run.summary() == {"test_fails": {FAILED}}, run.output


async def test_a_worker_that_nothing_can_break_off_is_replaced(tmp_path: Path) -> None:
    tests = ("test_fails", "test_holds_the_interpreter", "test_passes")
    run = await ended(tmp_path, *TWO_WORKERS, *(f"{HANGING}::{test}" for test in tests))
    assert run.summary() == {tests[0]: {FAILED}, tests[1]: {CRASHED.format(tests[1])}}
    assert "1 passed" in run.output
    assert "in test_holds_the_interpreter" in run.output
