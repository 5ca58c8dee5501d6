"""How a test waits for what happens elsewhere: it asks again until the answer is yes."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from tests.support.patience import SOON

LOOK_EVERY = timedelta(milliseconds=20)  # far below what a person notices

T = TypeVar("T")


async def eventually(
    ask: Callable[[], Awaitable[T]],
    why: str,
    within: timedelta = SOON,
    every: timedelta = LOOK_EVERY,
) -> T:
    """Return the first answer that is true.

    Raises:
        TimeoutError: there was none in time; it says what did not happen.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within.total_seconds()
    while not (answer := await ask()):
        if loop.time() > deadline:
            raise TimeoutError(f"not within {within}: {why}")
        await asyncio.sleep(every.total_seconds())
    return answer


async def insist(
    ask: Callable[[], Awaitable[T]],
    *passing: type[Exception],
    within: timedelta = SOON,
    every: timedelta = LOOK_EVERY,
) -> T:
    """Return the first answer, however often one of these errors comes before it in that time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within.total_seconds()
    while True:
        try:
            return await ask()
        except passing:
            if loop.time() > deadline:
                raise
        await asyncio.sleep(every.total_seconds())
