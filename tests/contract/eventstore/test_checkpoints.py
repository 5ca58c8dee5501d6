"""One owner per slice, and an effect together with its checkpoint or not at all."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from eventstore.api import CheckpointStore, Claim
from eventstore.errors import Fenced
from eventstore.slices import Slice, slices_of
from tests.contract.eventstore.conftest import Backend
from tests.support.log import BOOKING, append, streams_in

ANNA, BEN = UUID(int=1), UUID(int=2)
SLICE = Slice(7)
[STREAM] = streams_in(SLICE, 1)


async def claim(checkpoints: CheckpointStore[Any], member: UUID) -> Claim:
    await checkpoints.register("view", 1, BOOKING)
    [claimed] = await checkpoints.claim("view", 1, [SLICE], member)
    return claimed


async def position(checkpoints: CheckpointStore[Any]) -> int:
    [mine] = [checkpoint for checkpoint in await checkpoints.lag() if checkpoint.slice == SLICE]
    return mine.position


async def test_a_new_consumer_starts_at_the_beginning(backend: Backend) -> None:
    await append(backend.log, STREAM, 1, events=3)
    await backend.checkpoints.register("view", 1, BOOKING)
    lag = {checkpoint.slice: checkpoint for checkpoint in await backend.checkpoints.lag()}
    assert len(lag) == len(slices_of(BOOKING))
    assert (lag[SLICE].position, lag[SLICE].head) == (0, 3)


async def test_registering_again_moves_nothing(checkpoints: CheckpointStore[Any]) -> None:
    await checkpoints.advance(None, await claim(checkpoints, ANNA), 3)
    await checkpoints.register("view", 1, BOOKING)
    assert await position(checkpoints) == 3


async def test_a_checkpoint_moves_with_its_transaction(checkpoints: CheckpointStore[Any]) -> None:
    claimed = await claim(checkpoints, ANNA)
    async with checkpoints.transaction() as tx:
        moved = await checkpoints.advance(tx, claimed, 3)
    assert (moved.position, moved.epoch) == (3, claimed.epoch)

    async def fail() -> None:
        async with checkpoints.transaction() as tx:
            await checkpoints.advance(tx, moved, 5)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await position(checkpoints) == 3


async def test_a_claim_fences_the_owner_before(checkpoints: CheckpointStore[Any]) -> None:
    annas = await claim(checkpoints, ANNA)
    bens = await claim(checkpoints, BEN)
    assert bens.epoch > annas.epoch
    with pytest.raises(Fenced):
        async with checkpoints.transaction() as tx:
            await checkpoints.advance(tx, annas, 1)
    async with checkpoints.transaction() as tx:
        await checkpoints.advance(tx, bens, 1)
    assert (await claim(checkpoints, ANNA)).position == 1


async def test_a_checkpoint_moved_by_itself_is_fenced(checkpoints: CheckpointStore[Any]) -> None:
    annas = await claim(checkpoints, ANNA)
    moved = await checkpoints.advance(None, annas, 3)
    assert (moved.position, moved.epoch) == (3, annas.epoch)
    with pytest.raises(Fenced):
        await checkpoints.advance(None, annas, 4)  # a stale position
    bens = await claim(checkpoints, BEN)
    with pytest.raises(Fenced):
        await checkpoints.advance(None, moved, 4)
    assert (await checkpoints.advance(None, bens, 4)).position == 4
    assert await position(checkpoints) == 4


async def test_a_slice_in_a_transaction_is_not_claimed(checkpoints: CheckpointStore[Any]) -> None:
    annas = await claim(checkpoints, ANNA)
    async with checkpoints.transaction() as tx:
        await checkpoints.advance(tx, annas, 1)
        claimed = await checkpoints.claim("view", 1, [SLICE, Slice(8)], BEN)
        assert [checkpoint.slice for checkpoint in claimed] == [Slice(8)]
    [bens] = await checkpoints.claim("view", 1, [SLICE], BEN)
    assert bens.position == 1


async def test_a_silent_member_is_dead_after_ten_seconds(backend: Backend) -> None:
    assert await backend.checkpoints.heartbeat("view", ANNA) == [ANNA]
    assert set(await backend.checkpoints.heartbeat("view", BEN)) == {ANNA, BEN}
    assert await backend.checkpoints.heartbeat("other", BEN) == [BEN]
    await backend.advance_clock(timedelta(seconds=9))
    assert set(await backend.checkpoints.heartbeat("view", BEN)) == {ANNA, BEN}
    await backend.advance_clock(timedelta(seconds=2))
    assert await backend.checkpoints.heartbeat("view", BEN) == [BEN]
    assert set(await backend.checkpoints.heartbeat("view", ANNA)) == {ANNA, BEN}


async def test_a_member_that_leaves_is_gone_at_once(checkpoints: CheckpointStore[Any]) -> None:
    await checkpoints.heartbeat("view", ANNA)
    await checkpoints.leave("view", ANNA)
    assert await checkpoints.heartbeat("view", BEN) == [BEN]


async def test_a_parked_event_is_listed_until_it_is_resolved(backend: Backend) -> None:
    await append(backend.log, STREAM, 1, events=2)
    store, claimed = backend.checkpoints, await claim(backend.checkpoints, ANNA)
    for event in await backend.log.read_stream(STREAM):
        async with store.transaction() as tx:
            claimed = await store.advance(tx, claimed, event.position)
            await store.park(tx, claimed, event, attempts=event.version, error="no")
    letters = await store.dead_letters()
    assert [(letter.position, letter.attempts, letter.error) for letter in letters] == [
        (1, 1, "no"),
        (2, 2, "no"),
    ]
    assert await store.parked_streams("view", 1, SLICE) == {STREAM}
    assert await store.parked_streams("view", 2, SLICE) == set()
    for letter in letters:
        async with store.transaction() as tx:
            assert await store.resolve(tx, letter)
        async with store.transaction() as tx:
            assert not await store.resolve(tx, letter)
    assert list(await store.dead_letters()) == []
    assert await store.parked_streams("view", 1, SLICE) == set()


async def test_nothing_is_parked_by_a_transaction_that_fails(backend: Backend) -> None:
    await append(backend.log, STREAM, 1)
    [event] = await backend.log.read_stream(STREAM)
    store, claimed = backend.checkpoints, await claim(backend.checkpoints, ANNA)

    async def fail() -> None:
        async with store.transaction() as tx:
            moved = await store.advance(tx, claimed, 1)
            await store.park(tx, moved, event, attempts=1, error="no")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert list(await store.dead_letters()) == []


async def test_a_reset_starts_again_and_fences_the_owners(backend: Backend) -> None:
    store, claimed = backend.checkpoints, await claim(backend.checkpoints, ANNA)
    async with store.transaction() as tx:
        claimed = await store.advance(tx, claimed, 3)
    async with store.transaction() as tx:
        [anew] = [one for one in await store.reset(tx, "view", 1) if one.slice == SLICE]
    assert (anew.position, await position(store)) == (0, 0)
    with pytest.raises(Fenced):
        async with store.transaction() as tx:
            await store.advance(tx, claimed, 4)
