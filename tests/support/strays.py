"""Processes that were left behind: all below this one in /proc, but for those that shall stay.

Without /proc (macOS) there are none.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
DYING_SECONDS = 3.0  # of a process that was killed a moment ago
LOOK_EVERY_SECONDS = 0.02


class Process(NamedTuple):
    """A process; its pid may be another's later, so it carries the time of its start."""

    pid: int
    started: int


def adopt_orphans() -> None:
    """From now on, whatever was started below this process stays below it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(spared: Collection[Process] = ()) -> set[Process]:
    """Return all processes below this one that run, but for the spared and what is below them."""
    with suppress(ChildProcessError):
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        children: dict[int, list[tuple[Process, str]]] = {}
        for parent, process, state in _all():
            children.setdefault(parent, []).append((process, state))
        found, parents = set(), [os.getpid()]
        while parents:
            for process, state in children.get(parents.pop(), ()):
                if process not in spared:
                    parents.append(process.pid)
                    if state not in "ZX":  # ended, and nobody has asked how
                        found.add(process)
        return found
    return set()  # it has no child at all


def end_all(spared: Collection[Process], grace: float) -> list[str]:
    """End the descendants; return the command lines of those that did not end by themselves."""
    strays: list[str] = []
    for number, seconds in (
        (None, DYING_SECONDS),
        (signal.SIGTERM, grace),
        (signal.SIGKILL, grace),
    ):
        left = descendants(spared)
        if number is not None:
            strays = strays or [_command_line(process) for process in sorted(left)]
            for process in left:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, number)
        deadline = time.monotonic() + seconds
        while left and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_SECONDS)
            left = descendants(spared)
        if not left:
            break
    return strays


def _all() -> Iterator[tuple[int, Process, str]]:
    """Every process of the machine: its parent, itself, its state."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError):  # it ended
                stat = Path(entry.path, "stat").read_text(errors="replace")
                state, parent, *others = stat.rpartition(")")[2].split()
                yield int(parent), Process(int(entry.name), int(others[17])), state


def _command_line(process: Process) -> str:
    with suppress(OSError):
        words = Path(f"/proc/{process.pid}/cmdline").read_text(errors="replace").split("\0")
        return f"{process.pid} {' '.join(words).strip()}"
    return str(process.pid)
