"""`make compare` as a person uses it: stopped in the middle, and with a fault built in."""

import asyncio
import signal
import sys

import pytest

from tests.support.shell import ROOT, all_end, family

FINDINGS, INTERRUPTED = 6, 130


async def _start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.compare", *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def test_ctrl_c_stops_a_comparison_and_leaves_no_process() -> None:
    program = await _start("--quick")
    assert program.stdout is not None
    while b"idle" not in (line := await program.stdout.readline()):
        assert line, "it ended before it measured anything"
    everybody = await family(program.pid)
    program.send_signal(signal.SIGINT)
    await program.communicate()
    assert program.returncode == INTERRUPTED
    assert len(everybody) > 5
    await all_end(everybody)


@pytest.mark.chaos
@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", ["checkpoint-first", "no-append-lock"])
async def test_a_fault_that_is_built_in_is_found_on_both_sides(fault: str) -> None:
    program = await _start("--break", fault)
    output = (await program.communicate())[0].decode()
    assert program.returncode == FINDINGS, output
    assert "violation: orchestrated: " in output
    assert "violation: choreographed: " in output
