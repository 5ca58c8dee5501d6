"""A hint between processes: whoever listens hears of new events soon, and waits no longer."""

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

from eventstore.api import Doorbell
from eventstore.slices import Slice
from tests.support.patience import SOON

Bell = AbstractAsyncContextManager[Doorbell]


async def _rung(bell: Doorbell) -> int:
    """Ring until it is heard: an adapter may still be connecting."""
    before = bell.heard()
    async with asyncio.timeout(SOON.total_seconds()):
        while bell.heard() == before:
            bell.ring(Slice(1))
            await bell.wait(timedelta(milliseconds=20), after=before)
    return bell.heard()


async def test_a_ring_wakes_all_who_wait(doorbell: Bell) -> None:
    async with doorbell as bell, asyncio.timeout(SOON.total_seconds()):
        heard = await _rung(bell)
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(bell.wait(2 * SOON, after=heard))
            bell.ring(Slice(1))


async def test_a_ring_before_the_wait_is_not_missed(doorbell: Bell) -> None:
    async with doorbell as bell, asyncio.timeout(SOON.total_seconds()):
        before = bell.heard()
        await _rung(bell)
        await bell.wait(2 * SOON, after=before)


async def test_waiting_ends_without_a_ring(doorbell: Bell) -> None:
    async with doorbell as bell, asyncio.timeout(SOON.total_seconds()):
        heard = await _rung(bell)
        await bell.wait(timedelta(milliseconds=1), after=heard + 1_000)
