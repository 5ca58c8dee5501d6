"""What only time brings about: overdue bookings expire, and a sweep leaves nobody out."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import timedelta

import pytest

from choreography import booking_expiration
from choreography.booking_expiration import AT_ONCE, every, expire, sweep
from tests.support.controls import BOOKING_ID
from tests.unit.choreography.office import HOLD, OPEN_END, Office

SECOND = timedelta(seconds=1)

Sweep = Callable[
    [Callable[[], Awaitable[Sequence[int]]], Callable[[int], Awaitable[None]]],
    Awaitable[int],
]


@pytest.mark.parametrize(
    ("after", "status"),
    [(HOLD - SECOND, "confirmed"), (HOLD, "expired"), (HOLD + SECOND, "expired")],
    ids=["a second early", "the instant", "a second late"],
)
async def test_a_booking_expires_at_its_deadline(
    office: Office, after: timedelta, status: str
) -> None:
    await office.confirmed()
    office.now += after
    for _ in ("found", "found again"):
        await expire(BOOKING_ID, office.services())
        assert (await office.booking()).status == status


async def test_a_booking_that_was_found_too_early_expires_in_the_next_sweep(
    office: Office,
) -> None:
    await office.confirmed()
    await expire(BOOKING_ID, office.services())
    office.now += HOLD
    await expire(BOOKING_ID, office.services())
    assert (await office.booking()).status == "expired"


async def test_a_booking_that_was_paid_meanwhile_stays_settled(office: Office) -> None:
    await office.confirmed()
    await office.receive()
    await office.use()
    office.now += HOLD
    await expire(BOOKING_ID, office.services())
    assert (await office.booking()).status == "settled"


async def test_a_booking_without_a_deadline_never_expires(office: Office) -> None:
    await office.confirmed(OPEN_END)
    office.now += timedelta(days=365)
    await expire(BOOKING_ID, office.services())
    assert (await office.booking()).status == "confirmed"


async def three() -> Sequence[int]:
    return [1, 2, 3]


async def handled_in(sweeping: Sweep) -> list[int]:
    """What was handled in a sweep whose second item fails."""
    handled = []

    async def handle(item: int) -> None:
        if item == 2:
            raise ValueError("poison")
        handled.append(item)

    assert await sweeping(three, handle) == 3
    return handled


async def test_one_failure_never_stops_the_others() -> None:
    assert await handled_in(sweep) == [1, 3]


async def test_in_a_plain_loop_one_failure_stops_the_others() -> None:
    async def loop(
        find: Callable[[], Awaitable[Sequence[int]]], handle: Callable[[int], Awaitable[None]]
    ) -> int:
        for item in await find():
            await handle(item)
        return 3

    with pytest.raises(ValueError, match="poison"):
        await handled_in(loop)


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


async def test_a_full_page_is_followed_by_the_next_look_long_before_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
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
