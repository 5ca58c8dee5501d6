"""What a person at a terminal does: run `box-office`, look at processes."""

import asyncio
import os
import shlex
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from tests.support.patience import SOON
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]


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
    process = await start(*arguments, environment=environment)
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


@asynccontextmanager
async def staying(
    *arguments: str, prints: str, within: timedelta, **environment: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, list[str]]]:
    """`box-office` that stays up, from the line that holds this text on, and its lines so far."""
    process = await start(*arguments, environment=environment)
    assert process.stdout is not None
    lines = [""]
    try:
        async with asyncio.timeout(within.total_seconds()):
            while prints not in lines[-1]:
                line = await process.stdout.readline()
                assert line, "".join(lines)
                lines.append(line.decode())
        yield process, lines
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


def exports(lines: Sequence[str]) -> dict[str, str]:
    """The variables by which other terminals find what was started."""
    said = [shlex.split(line)[1] for line in lines if line.strip().startswith("export ")]
    return dict(export.split("=", maxsplit=1) for export in said)


async def family(pid: int) -> list[int]:
    """A process and all that it started, parents first."""
    listed = await _output("ps", "-A", "-o", "pid=,ppid=")
    parents = {int(child): int(parent) for child, parent in map(str.split, listed.splitlines())}
    found = [pid]
    for process in found:  # grows while we look
        found.extend(child for child, parent in parents.items() if parent == process)
    return found


async def all_end(pids: Sequence[int], within: timedelta = SOON) -> None:
    """Wait until none is more than an entry of the process table that nobody has read yet."""

    async def none_is_left() -> bool:
        return not await _alive(pids)

    await eventually(none_is_left, f"{pids} end", within)


async def _alive(pids: Sequence[int]) -> list[str]:
    listed = await _output("ps", "-o", "pid=,stat=,args=", "-p", ",".join(map(str, pids)))
    return [line for line in listed.splitlines() if not line.split()[1].startswith("Z")]


async def _output(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    return (await process.communicate())[0].decode()
