"""A sweep leaves nobody out, and goes on after whatever fails."""

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import timedelta

import pytest

from choreography import booking_expiration
from choreography.booking_expiration import AT_ONCE, every, sweep


async def three() -> Sequence[int]:
    return [1, 2, 3]


async def test_one_failure_never_stops_the_others() -> None:
    handled = []

    async def handle(item: int) -> None:
        if item == 2:
            raise ValueError("poison")
        handled.append(item)

    assert await sweep(three, handle) == 3
    assert handled == [1, 3]


async def test_a_sweep_asks_for_no_more_than_it_may_at_once() -> None:
    under_way, most = 0, 0

    async def handle(_: int) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1

    async def many() -> Sequence[int]:
        return range(10 * AT_ONCE)

    assert await sweep(many, handle) == 10 * AT_ONCE
    assert most == AT_ONCE


async def test_what_is_done_every_so_often_goes_on_after_a_failure() -> None:
    times, enough = 0, asyncio.Event()

    async def fail() -> int:
        nonlocal times
        times += 1
        if times == 3:
            enough.set()
        raise ConnectionError

    await until(enough, every(timedelta(0), fail, page=9))


async def test_a_full_page_is_soon_followed_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(booking_expiration, "AFTER_A_FULL_PAGE", timedelta(0))
    looks, enough = 0, asyncio.Event()

    async def look() -> int:
        nonlocal looks
        looks += 1
        if looks == 2:
            enough.set()
        return 9

    await until(enough, every(timedelta(hours=1), look, page=9))
    looks, enough = 0, asyncio.Event()
    with pytest.raises(TimeoutError):
        await until(enough, every(timedelta(hours=1), look, page=10), within=0.05)


async def until(
    enough: asyncio.Event, running: Coroutine[None, None, None], within: float = 5
) -> None:
    task = asyncio.create_task(running)
    try:
        async with asyncio.timeout(within):
            await enough.wait()
    finally:
        task.cancel()
        await asyncio.wait([task])
