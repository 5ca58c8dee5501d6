"""Ctrl-C and SIGTERM: the first stops everything in order, a second ends what is left at once."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import NoReturn

import structlog

from entrypoints.cli.answers import is_defect
from entrypoints.devstack.children import Home

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SIGNALLED = 128  # plus its number: the exit code that a shell gives a process that a signal ended
OUT_OF_TIME = 1
DRAIN_MAX = timedelta(seconds=25)  # above what activities get (`SHUTDOWN`), below Kubernetes' 30 s
THREADS_GO_IDLE = timedelta(seconds=0.5)

_log = structlog.get_logger()


@asynccontextmanager
async def draining() -> AsyncIterator[asyncio.Event]:
    """For a program of ours: what it does until a signal, and what it finishes after.

    The event is set by the first signal. A second one, or a drain longer than `DRAIN_MAX`, ends
    the process at once with an exit code that is not 0. A defect is logged before it passes.
    """
    loop = asyncio.get_running_loop()
    drain = asyncio.Event()

    def interrupt(number: signal.Signals) -> None:
        if drain.is_set():
            _end_at_once(SIGNALLED + number, f"a second signal, {number.name}")
        _log.info("draining", signal=number.name, seconds_max=DRAIN_MAX.total_seconds())
        drain.set()
        loop.call_later(DRAIN_MAX.total_seconds(), _end_at_once, OUT_OF_TIME, "out of time")

    if threading.current_thread() is threading.main_thread():  # Python lets no other hear signals
        for each in SIGNALS:
            loop.add_signal_handler(each, interrupt, each)
    try:
        yield drain
    except Exception as error:
        if is_defect(error):
            _log.exception("ended by a defect")
        raise
    finally:
        # While Python exits, a thread of Temporal's SDK that is not idle aborts the process
        # (sdk-python#300): 15 of 210 stops.
        await asyncio.sleep(THREADS_GO_IDLE.total_seconds())


async def interruptible(
    work: Coroutine[None, None, None], home: Home, say: Callable[[str], None]
) -> bool:
    """Runs the work in a home until it ends, or a signal asks for its end; False for the latter."""
    loop = asyncio.get_running_loop()
    running = loop.create_task(work)

    def interrupt() -> None:
        if running.cancelling():
            say("Killing what is left ...")
            home.kill_all()
        else:
            say("\nStopping ... (Ctrl-C again to kill)")
            running.cancel()

    for number in SIGNALS:
        loop.add_signal_handler(number, interrupt)
    try:
        await running
    except asyncio.CancelledError:
        if _is_cancelled_itself():
            raise
        return False
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
    return True


def _end_at_once(code: int, why: str) -> NoReturn:
    """Without Python's own exit, which would wait for threads, or abort because of them."""
    _log.warning("ended while draining", why=why)
    os._exit(code)


def _is_cancelled_itself() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
