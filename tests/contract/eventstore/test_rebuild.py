"""A projection is made anew in one transaction; nobody sees it half done, and it goes on."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from eventstore import consumer as loop
from eventstore.api import Checkpoint, StoredEvent
from eventstore.consumer import Subscription
from eventstore.delivery import AtLeastOnce, ExactlyOnceEffect
from eventstore.errors import DefectError
from eventstore.rebuild import rebuild
from eventstore.slices import StreamId, slice_of
from tests.contract.eventstore.conftest import Backend, Effect
from tests.contract.eventstore.test_consumer import consumer, running
from tests.support.log import BOOKING, append, caught_up, stream, streams_apart, streams_in

ONE, OTHER = streams_in(slice_of(stream()), 2)
[APART] = streams_apart(1)


@pytest.fixture(autouse=True)
def _beats_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lost a slice to the rebuild asks for it again at the next heartbeat."""
    monkeypatch.setattr(loop, "HEARTBEAT_EVERY", timedelta(milliseconds=20))


async def again(backend: Backend, how: ExactlyOnceEffect[Any] | None = None) -> int:
    return await rebuild(
        Subscription("test", BOOKING, how or ExactlyOnceEffect(backend.write)),
        backend.clear,
        store=backend.log,
        checkpoints=backend.checkpoints,
    )


async def of_each_slice(backend: Backend) -> dict[int, list[Effect]]:
    effects: dict[int, list[Effect]] = {}
    for effect in await backend.written():
        effects.setdefault(slice_of(StreamId(effect[0])), []).append(effect)
    return effects


async def logged(backend: Backend) -> dict[int, list[Effect]]:
    after = dict.fromkeys(await backend.log.heads(BOOKING), 0)
    effects: dict[int, list[Effect]] = {}
    for event in await backend.log.read_slices(after, limit=10_000):
        effects.setdefault(event.slice, []).append((event.stream, event.version))
    return effects


async def test_a_running_idle_projection_goes_on_after_its_rebuild(backend: Backend) -> None:
    async with running(consumer(backend, ExactlyOnceEffect(backend.write))):
        for number, to in enumerate([ONE, OTHER, APART]):
            await append(backend.log, to, number, events=3)
        await caught_up(backend.checkpoints)
        before = await of_each_slice(backend)
        assert await again(backend) == 9
        assert await of_each_slice(backend) == before == await logged(backend)
        await append(backend.log, ONE, 3)
        await append(backend.log, APART, 4)
        await caught_up(backend.checkpoints)
    assert await of_each_slice(backend) == await logged(backend)


async def test_a_rebuild_among_appends_has_each_effect_once(backend: Backend) -> None:
    async with running(consumer(backend, ExactlyOnceEffect(backend.write))):
        async with asyncio.TaskGroup() as group:
            for number in range(10):
                group.create_task(append(backend.log, ONE, number, events=20))
                group.create_task(append(backend.log, APART, number, events=20))
                if number % 4 == 2:
                    group.create_task(again(backend))
        await caught_up(backend.checkpoints)
    assert await of_each_slice(backend) == await logged(backend)


async def test_a_projection_that_never_ran_is_built(backend: Backend) -> None:
    await append(backend.log, ONE, 1, events=250)  # more than one batch
    assert await again(backend) == 250
    assert await of_each_slice(backend) == await logged(backend)
    assert await consumer(backend, ExactlyOnceEffect(backend.write)).run_until_caught_up() == 0


async def test_an_event_that_cannot_be_folded_leaves_everything_as_it_was(backend: Backend) -> None:
    await append(backend.log, ONE, 1, events=3)
    await append(backend.log, APART, 2)
    consuming = consumer(backend, ExactlyOnceEffect(backend.write))
    await consuming.run_until_caught_up()
    before = await of_each_slice(backend), await positions(backend)

    async def fails(tx: Any, event: StoredEvent) -> None:
        await backend.write(tx, event)
        if event.version == 2:
            raise DefectError("unknown event")

    with pytest.raises(DefectError):
        await again(backend, ExactlyOnceEffect(fails))

    assert (await of_each_slice(backend), await positions(backend)) == before
    await append(backend.log, ONE, 3)
    await consuming.run_until_caught_up()
    assert await of_each_slice(backend) == await logged(backend)


async def test_readers_see_the_old_rows_until_all_are_new(backend: Backend) -> None:
    await append(backend.log, ONE, 1, events=3)
    await consumer(backend, ExactlyOnceEffect(backend.write)).run_until_caught_up()
    before = list(await backend.written())
    halfway, readers_looked = asyncio.Event(), asyncio.Event()

    async def write(tx: Any, event: StoredEvent) -> None:
        await backend.write(tx, event)
        if event.version == 2:
            halfway.set()
            await readers_looked.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(again(backend, ExactlyOnceEffect(write)))
        await halfway.wait()
        assert list(await backend.written()) == before
        readers_looked.set()
    assert list(await backend.written()) == before


async def test_effects_outside_the_database_cannot_be_made_anew(backend: Backend) -> None:
    async def handle(_: StoredEvent) -> None: ...

    with pytest.raises(TypeError, match="test is no projection"):
        await rebuild(
            Subscription("test", BOOKING, AtLeastOnce(handle)),
            backend.clear,
            store=backend.log,
            checkpoints=backend.checkpoints,
        )


async def positions(backend: Backend) -> Sequence[Checkpoint]:
    return await backend.checkpoints.lag()
