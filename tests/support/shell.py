"""What a person at a terminal does: run `box-office`, look at processes."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.patience import SOON_SECONDS

ROOT = Path(__file__).parents[2]
EXIT_SECONDS = SOON_SECONDS  # for the kernel, over the end of a killed process


async def start(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> asyncio.subprocess.Process:
    """Starts `box-office`; errors come with the output, unless that is to be JSON."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "entrypoints.cli", *arguments),
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=None if "--json" in arguments else asyncio.subprocess.STDOUT,
    )


async def box_office(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Runs `box-office` to its exit code and output."""
    process = await start(*arguments, environment=environment)
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def family(pid: int) -> list[int]:
    """A process and all that it started, parents first."""
    listed = await _output("ps", "-A", "-o", "pid=,ppid=")
    parents = {int(child): int(parent) for child, parent in map(str.split, listed.splitlines())}
    found = [pid]
    for process in found:  # grows while we look
        found.extend(child for child, parent in parents.items() if parent == process)
    return found


async def all_end(pids: Sequence[int]) -> None:
    """Waits until none is more than an entry of the process table that nobody has read yet.

    Raises:
        AssertionError: some stay.
    """
    deadline = asyncio.get_running_loop().time() + EXIT_SECONDS
    while left := await _alive(pids):
        assert asyncio.get_running_loop().time() < deadline, left


async def _alive(pids: Sequence[int]) -> list[str]:
    listed = await _output("ps", "-o", "pid=,stat=,args=", "-p", ",".join(map(str, pids)))
    return [line for line in listed.splitlines() if not line.split()[1].startswith("Z")]


async def _output(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    return (await process.communicate())[0].decode()
