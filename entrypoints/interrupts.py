"""Ctrl-C and SIGTERM: the first stops everything in order, a second kills what is left."""

import asyncio
import signal
from collections.abc import Callable, Coroutine

from entrypoints.children import Home

SIGNALS = (signal.SIGINT, signal.SIGTERM)


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


def _is_cancelled_itself() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
