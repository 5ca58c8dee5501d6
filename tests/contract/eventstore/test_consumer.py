"""Every event reaches its handler, in order, as often as its delivery promises."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal, cast
from uuid import UUID

import pytest

from eventstore.api import CheckpointStore, Claim, StoredEvent
from eventstore.consumer import Consumer, Subscription
from eventstore.delivery import AtLeastOnce, AtMostOnce, Delivery, ExactlyOnceEffect, OnPoison
from eventstore.errors import DefectError, TransientError
from eventstore.memory import MemoryDoorbell
from eventstore.slices import slice_of
from tests.contract.eventstore.conftest import Backend, Effect
from tests.support.log import BOOKING, append, caught_up, stream, streams_apart, streams_in
from tests.support.patience import SOON, SOON_SECONDS

ANNA, BEN = UUID(int=1), UUID(int=2)
TWO_RETRIES = (timedelta(0), timedelta(0))


def consumer(
    backend: Backend,
    how: Delivery[Any],
    *,
    member: UUID = ANNA,
    doorbell: MemoryDoorbell | None = None,
) -> Consumer[Any]:
    return Consumer(
        Subscription("test", BOOKING, how, retry_after=TWO_RETRIES),
        member=member,
        store=backend.log,
        checkpoints=backend.checkpoints,
        doorbell=doorbell or MemoryDoorbell(),
    )


class Effects:
    """A handler with effects outside the log, and what it was told to trip over."""

    def __init__(self) -> None:
        self.seen: list[Effect] = []
        self.fails: dict[Effect, list[BaseException]] = {}

    async def handle(self, event: StoredEvent) -> None:
        key = (event.stream, event.version)
        if self.fails.get(key):
            raise self.fails[key].pop(0)
        self.seen.append(key)


Mode = Literal["exactly once", "at least once", "at most once"]


def delivery(
    backend: Backend,
    mode: Mode,
    handle: Callable[[StoredEvent], Awaitable[None]],
    on_poison: OnPoison = "pause",
) -> Delivery[Any]:
    async def write_and_handle(tx: Any, event: StoredEvent) -> None:
        await backend.write(tx, event)
        await handle(event)

    match mode:
        case "exactly once":
            return ExactlyOnceEffect(write_and_handle, on_poison)
        case "at least once":
            return AtLeastOnce(handle, on_poison)
        case "at most once":
            return AtMostOnce(handle)


@asynccontextmanager
async def running(consumer: Consumer[Any]) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(consumer.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


@dataclass
class Slow:
    """A handler that is in the middle of an event until it may go on."""

    effects: Effects
    in_hand: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, event: StoredEvent) -> None:
        self.in_hand.set()
        await self.go_on.wait()
        await self.effects.handle(event)


ONE, OTHER = streams_in(slice_of(stream()), 2)
[APART] = streams_apart(1)


@pytest.mark.parametrize("mode", ["exactly once", "at least once", "at most once"])
async def test_every_event_is_handled_once_and_in_order(backend: Backend, mode: Mode) -> None:
    effects = Effects()
    how = delivery(backend, mode, effects.handle)
    for number, to in enumerate([ONE, OTHER, APART, ONE]):
        await append(backend.log, to, number, events=60)
    assert await consumer(backend, how).run_until_caught_up() == 240
    assert [version for of, version in effects.seen if of == ONE] == list(range(1, 121))
    assert len(effects.seen) == 240
    assert await consumer(backend, how).run_until_caught_up() == 0
    await append(backend.log, ONE, 9)
    assert await consumer(backend, how).run_until_caught_up() == 1


async def test_a_running_consumer_hears_of_new_events(backend: Backend) -> None:
    effects, doorbell = Effects(), MemoryDoorbell()
    how = delivery(backend, "exactly once", effects.handle)
    async with running(consumer(backend, how, doorbell=doorbell)):
        for number in range(20):
            doorbell.ring((await append(backend.log, stream(number), number)).slice)
        await caught_up(backend.checkpoints)
    assert len(await backend.written()) == 20


async def test_events_are_found_without_the_doorbell(backend: Backend) -> None:
    effects = Effects()
    async with running(consumer(backend, AtLeastOnce(effects.handle))):
        for number in (1, 2):
            await append(backend.log, ONE, number)
            await caught_up(backend.checkpoints)
    assert effects.seen == [(ONE, 1), (ONE, 2)]


async def test_members_share_the_slices(backend: Backend) -> None:
    annas, bens = Effects(), Effects()
    for number in range(64):
        await append(backend.log, stream(number), number)
    await backend.checkpoints.heartbeat("test/1", BEN)
    await consumer(backend, AtLeastOnce(annas.handle)).run_until_caught_up()
    await consumer(backend, AtLeastOnce(bens.handle), member=BEN).run_until_caught_up()
    assert len(annas.seen) > 10
    assert len(bens.seen) > 10
    assert sorted(annas.seen + bens.seen) == sorted((stream(number), 1) for number in range(64))


async def test_a_cancelled_consumer_leaves_and_repeats_nothing(backend: Backend) -> None:
    effects, stuck = Effects(), asyncio.Event()

    async def handle(event: StoredEvent) -> None:
        if event.version == 3:
            stuck.set()
            await asyncio.Event().wait()
        await effects.handle(event)

    await append(backend.log, ONE, 1, events=3)
    async with running(consumer(backend, AtLeastOnce(handle))), asyncio.timeout(SOON_SECONDS):
        await stuck.wait()
    assert await backend.checkpoints.heartbeat("test/1", BEN) == [BEN]
    await consumer(backend, AtLeastOnce(effects.handle), member=BEN).run_until_caught_up()
    assert effects.seen == [(ONE, 1), (ONE, 2), (ONE, 3)]


async def test_a_slow_event_holds_up_no_other_slice_fault_8(backend: Backend) -> None:
    effects = Effects()

    async def handle(event: StoredEvent) -> None:
        if event.stream == ONE:
            await asyncio.Event().wait()
        await effects.handle(event)

    await append(backend.log, ONE, 1)
    await append(backend.log, APART, 2)
    async with running(consumer(backend, AtLeastOnce(handle))):
        await caught_up(backend.checkpoints, slice=slice_of(APART))
        await append(backend.log, APART, 3)
        await caught_up(backend.checkpoints, slice=slice_of(APART))
    assert effects.seen == [(APART, 1), (APART, 2)]


@pytest.mark.parametrize(
    "failures",
    [[TransientError("not now"), ConnectionResetError("nor now")], [ValueError()] * 3],
    ids=["passing", "of the event"],
)
async def test_an_event_that_failed_is_handled_again(
    backend: Backend, failures: list[BaseException]
) -> None:
    effects = Effects()
    effects.fails[ONE, 2] = [*failures]
    await append(backend.log, ONE, 1, events=3)
    how = delivery(backend, "exactly once", effects.handle)
    await consumer(backend, how).run_until_caught_up()
    assert await backend.written() == [(ONE, 1), (ONE, 2), (ONE, 3)]


@pytest.mark.parametrize("mode", ["exactly once", "at least once"])
async def test_poison_pauses_its_slice_only_fault_8(backend: Backend, mode: Mode) -> None:
    effects = Effects()
    how = delivery(backend, mode, effects.handle)
    effects.fails[ONE, 2] = [ValueError("poison")] * 4  # together, alone, two retries
    await append(backend.log, ONE, 1, events=3)
    await append(backend.log, APART, 2)
    with pytest.raises(ValueError, match="poison"):
        await consumer(backend, how).run_until_caught_up()
    assert (APART, 1) in effects.seen
    assert {(ONE, 2), (ONE, 3)}.isdisjoint(effects.seen)
    assert await consumer(backend, how).run_until_caught_up() == 2
    assert effects.seen[-2:] == [(ONE, 2), (ONE, 3)]


async def test_a_defect_is_not_retried(backend: Backend) -> None:
    effects = Effects()
    effects.fails[ONE, 1] = [DefectError("unknown event")] * 3
    await append(backend.log, ONE, 1)
    with pytest.raises(DefectError):
        await consumer(backend, AtLeastOnce(effects.handle)).run_until_caught_up()
    assert len(effects.fails[ONE, 1]) == 1  # once together, once alone


@pytest.mark.parametrize("mode", ["exactly once", "at least once"])
async def test_parked_poison_holds_up_only_its_stream_fault_8(backend: Backend, mode: Mode) -> None:
    effects = Effects()
    effects.fails[ONE, 2] = [ValueError("poison")] * 6
    for number, to in enumerate([ONE, ONE, OTHER, ONE]):
        await append(backend.log, to, number)
    consuming = consumer(backend, delivery(backend, mode, effects.handle, "park"))
    await consuming.run_until_caught_up()
    assert [seen for seen in effects.seen if seen[0] == OTHER] == [(OTHER, 1)]
    letters = await backend.checkpoints.dead_letters()
    assert [(letter.stream, letter.position, letter.attempts) for letter in letters] == [
        (ONE, 2, 3),
        (ONE, 4, 0),
    ]
    await append(backend.log, ONE, 9)
    await consuming.run_until_caught_up()
    assert len(await backend.checkpoints.dead_letters()) == 3

    assert await consuming.retry_parked() == 0
    assert len(await backend.checkpoints.dead_letters()) == 3
    effects.fails.clear()
    assert await consuming.retry_parked() == 3
    assert list(await backend.checkpoints.dead_letters()) == []
    assert [seen for seen in effects.seen if seen[0] == ONE][-3:] == [(ONE, 2), (ONE, 3), (ONE, 4)]
    await append(backend.log, ONE, 10)
    await consuming.run_until_caught_up()
    assert effects.seen[-1] == (ONE, 5)


async def test_at_most_once_loses_the_event_that_failed(backend: Backend) -> None:
    effects = Effects()
    effects.fails[ONE, 2] = [ValueError("lost")]
    await append(backend.log, ONE, 1, events=3)
    await consumer(backend, AtMostOnce(effects.handle)).run_until_caught_up()
    assert effects.seen == [(ONE, 1), (ONE, 3)]


class Mortal:
    """A process's view of its checkpoints; once it is dead, nothing it does is stored."""

    def __init__(self, checkpoints: CheckpointStore[Any]) -> None:
        self._checkpoints = checkpoints
        self.dead = asyncio.Event()

    async def die(self) -> None:
        self.dead.set()
        await asyncio.Event().wait()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        async with self._checkpoints.transaction() as tx:
            yield tx
            if self.dead.is_set():
                raise ConnectionResetError

    async def advance(self, tx: Any, claim: Claim, to: int) -> Claim:
        if tx is not None:
            return await self._checkpoints.advance(tx, claim, to)
        async with self.transaction() as own:
            return await self._checkpoints.advance(own, claim, to)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._checkpoints, name)


@pytest.mark.parametrize(
    ("mode", "dies", "versions"),
    [
        ("exactly once", "before", [1, 2, 3]),
        ("exactly once", "after", [1, 2, 3]),
        ("at least once", "before", [1, 1, 2, 3]),
        ("at least once", "after", [1, 2, 1, 2, 3]),
        ("at most once", "before", [1, 3]),
        ("at most once", "after", [1, 2, 3]),
    ],
)
async def test_a_death_at_an_effect_repeats_or_loses_what_its_mode_says(
    backend: Backend, mode: Mode, dies: str, versions: list[int]
) -> None:
    process, effects = Mortal(backend.checkpoints), Effects()

    async def handle(event: StoredEvent) -> None:
        at_risk = event.version == 2 and not process.dead.is_set()
        if at_risk and dies == "before":
            await process.die()
        await effects.handle(event)
        if at_risk and dies == "after":
            await process.die()

    how = delivery(backend, mode, handle)
    await append(backend.log, ONE, 1, events=3)
    mortal = replace(backend, checkpoints=cast(CheckpointStore[Any], process))
    async with running(consumer(mortal, how)), asyncio.timeout(SOON.total_seconds()):
        await process.dead.wait()
    await consumer(backend, how).run_until_caught_up()
    seen = await backend.written() if mode == "exactly once" else effects.seen
    assert [version for _, version in seen] == versions


@pytest.mark.parametrize("mode", ["at least once", "at most once"])
async def test_a_member_that_stops_finishes_the_event_in_hand(backend: Backend, mode: Mode) -> None:
    effects = Effects()
    slow = Slow(effects)
    await append(backend.log, ONE, 0, events=3)
    member = consumer(backend, delivery(backend, mode, slow.handle))
    async with running(member) as run:
        await slow.in_hand.wait()
        member.stop()
        slow.go_on.set()
        await run
    assert effects.seen == [(ONE, 1)]
    other = consumer(backend, delivery(backend, mode, effects.handle), member=BEN)
    assert await other.run_until_caught_up() == 2
    assert effects.seen == [(ONE, 1), (ONE, 2), (ONE, 3)]


async def test_at_most_once_a_cancelled_member_loses_the_event_in_hand(backend: Backend) -> None:
    effects = Effects()
    slow = Slow(effects)
    await append(backend.log, ONE, 0, events=3)
    async with running(consumer(backend, AtMostOnce(slow.handle))):
        await slow.in_hand.wait()
    other = consumer(backend, AtMostOnce(effects.handle), member=BEN)
    assert await other.run_until_caught_up() == 2
    assert effects.seen == [(ONE, 2), (ONE, 3)]
