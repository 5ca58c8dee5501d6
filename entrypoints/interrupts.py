"""Ctrl-C and SIGTERM: the first makes a program finish what it does, a second ends it at once."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import NoReturn

import structlog

from entrypoints.errors import DEFECT, failure

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SIGNALLED = 128  # plus its number: the exit code that a shell gives a process that a signal ended
OUT_OF_TIME = 1
SHUTDOWN = timedelta(seconds=20)  # activities and requests in flight may finish
DRAIN_MAX = timedelta(seconds=25)  # above `SHUTDOWN`, below Kubernetes' 30 s
THREADS_GO_IDLE = timedelta(seconds=0.5)

_log = structlog.get_logger()


@asynccontextmanager
async def draining() -> AsyncIterator[asyncio.Event]:
    """Yield an event that is set at the first signal.

    A second signal, or a drain longer than `DRAIN_MAX`, ends the process at once with an exit code
    that is not 0. A defect is logged before it passes.
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
        for number in SIGNALS:
            loop.add_signal_handler(number, interrupt, number)
    try:
        yield drain
    except Exception as error:
        if failure(error).code == DEFECT:
            _log.exception("ended by a defect")
        raise
    finally:
        # While Python exits, a thread of Temporal's SDK that is not idle aborts the process
        # (sdk-python#300): 15 of 210 stops.
        await asyncio.sleep(THREADS_GO_IDLE.total_seconds())


def _end_at_once(code: int, why: str) -> NoReturn:
    """Exit without Python's own shutdown, which would wait for threads or abort because of them."""
    _log.warning("ended while draining", why=why)
    os._exit(code)
