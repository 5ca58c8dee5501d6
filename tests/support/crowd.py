"""Many clients at once, but no more than even a slow machine answers within their patience."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

AT_ONCE = 20

T = TypeVar("T")


async def crowd(calls: Iterable[Callable[[], Awaitable[T]]]) -> list[T]:
    """Return the answers in the order of the calls; the next call begins when one has ended."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def call_in_turn(call: Callable[[], Awaitable[T]]) -> T:
        async with turn:
            return await call()

    return await asyncio.gather(*map(call_in_turn, calls))
