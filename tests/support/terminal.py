"""`box-office` as typed, in this process: what it printed and how it ended."""

import asyncio
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO

from entrypoints.cli.app import invoke


@dataclass(frozen=True)
class Ran:
    exit_code: int
    stdout: str
    stderr: str


async def run(*arguments: str) -> Ran:
    """A command has a loop of its own, so it gets a thread of its own."""
    stdout, stderr = StringIO(), StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr):
        exit_code = await asyncio.to_thread(invoke, arguments)
    return Ran(exit_code, stdout.getvalue(), stderr.getvalue())
