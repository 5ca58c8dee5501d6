"""Tests that hang, each in a way of its own; test_bounded.py runs them in a pytest of its own."""

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

MARK = os.environ.get("MARK", "")  # a directory; by its name the processes are known that are left
STARTED: list[subprocess.Popen[bytes]] = []  # freed when it runs, one warns
STUBBORN = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
pathlib.Path(sys.argv[1]).touch()
time.sleep(100_000)
"""


def stubborn(name: str) -> None:
    """Start a process that only SIGKILL ends, and wait until it is one."""
    ready = Path(MARK, name)
    STARTED.append(subprocess.Popen([sys.executable, "-c", STUBBORN, ready]))
    while not ready.exists():
        time.sleep(0.01)


async def waits_for_nothing() -> None:
    await asyncio.Event().wait()


async def swallows_cancellation() -> None:
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await waits_for_nothing()


@pytest.fixture
async def hangs_in_setup() -> None:
    await waits_for_nothing()


@pytest.fixture
async def hangs_in_teardown() -> AsyncIterator[None]:
    yield
    await waits_for_nothing()


@pytest.fixture
def running() -> list[asyncio.Task[None]]:
    """Tasks that nobody else would hold."""
    return []


@pytest.fixture(scope="session")
def hangs_at_the_end() -> Iterator[None]:
    yield
    with asyncio.Runner() as runner:
        runner.run(swallows_cancellation())


@pytest.fixture(scope="session")
def blocks_at_the_end() -> Iterator[None]:
    yield
    threading.Event().wait()


def test_fails() -> None:
    raise AssertionError("as it should")


async def test_in_setup(hangs_in_setup: None) -> None: ...


async def test_in_call() -> None:
    try:
        await waits_for_nothing()
    finally:
        print("left in order")


async def test_in_teardown(hangs_in_teardown: None) -> None: ...


async def test_fails_and_then_in_teardown(hangs_in_teardown: None) -> None:
    raise AssertionError("as it should")


async def test_in_a_task_that_swallows_cancellation(running: list[asyncio.Task[None]]) -> None:
    running.append(asyncio.create_task(swallows_cancellation()))
    await asyncio.sleep(0)


async def test_in_a_call_that_swallows_cancellation() -> None:
    await swallows_cancellation()


async def test_in_a_thread() -> None:
    await asyncio.to_thread(threading.Event().wait)


def test_without_a_loop() -> None:
    threading.Event().wait()


async def test_with_a_child() -> None:
    stubborn("child")
    await waits_for_nothing()


def test_leaves_a_grandchild() -> None:
    grandchild = [sys.executable, "-c", STUBBORN, f"{MARK}/grandchild"]
    child = f"import subprocess; subprocess.Popen({grandchild})"
    subprocess.run([sys.executable, "-c", child], check=True)


async def test_is_interrupted() -> None:
    stubborn("interrupted")
    await swallows_cancellation()


def test_holds_the_interpreter() -> None:
    stubborn("held")
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    ctypes.PyDLL(None).sleep(100_000)  # a C function that lets no Python run


def test_passes() -> None: ...


def test_ends_the_run(hangs_at_the_end: None, blocks_at_the_end: None) -> None: ...
