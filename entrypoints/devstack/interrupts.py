"""Ctrl-C in a stack of this machine: the first stops it in order, a second kills what is left."""

import asyncio
from collections.abc import Callable, Coroutine

from entrypoints.devstack.children import Home
from entrypoints.interrupts import SIGNALS


async def interruptible(
    work: Coroutine[None, None, None], home: Home, say: Callable[[str], None]
) -> bool:
    """Run the work in a home; return whether it ended before a signal cancelled it."""
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
