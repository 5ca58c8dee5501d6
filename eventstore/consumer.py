"""A consumer reads the log after its checkpoints and has the events handled, again and again.

Members of a consumer share its slices: the living member with the highest hash takes a slice
(rendezvous hashing). Membership may err for a moment; safety comes from the claim's epoch, which
fences the owner before. Slices are independent, so a slow or broken one holds up no other.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from hashlib import blake2b
from itertools import groupby
from typing import Generic
from uuid import UUID

import structlog

from eventstore.api import (
    CheckpointStore,
    Claim,
    DeadLetter,
    Doorbell,
    EventStore,
    StoredEvent,
    Tx,
)
from eventstore.delivery import RETRY_AFTER, TRANSIENT, Deliverer, Delivery, Held, patiently
from eventstore.errors import Fenced, GapError
from eventstore.slices import Category, Slice, slices_of

BATCH_MAX = 100  # events of a slice between two moves of its checkpoint

HEARTBEAT_EVERY = timedelta(seconds=2)  # a fifth of the time after which silence means death
LEAVE_WITHIN = timedelta(seconds=2)  # a courtesy: a member that cannot say it ages out

# The pauses between looks that found nothing are doubled; usually the doorbell rings first.
POLL_FIRST = timedelta(milliseconds=50)
POLL_LAST = timedelta(seconds=1)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Subscription(Generic[Tx]):
    """Who reads what, and how; name and generation are the key of the checkpoints."""

    name: str
    category: Category
    delivery: Delivery[Tx]
    generation: int = 1
    retry_after: Sequence[timedelta] = RETRY_AFTER

    @property
    def group(self) -> str:
        """Return the name of the members that share slices: generations do not."""
        return f"{self.name}/{self.generation}"


class Consumer(Generic[Tx]):
    """A member of a consumer; `member` is a new id for every run of a process."""

    def __init__(
        self,
        subscription: Subscription[Tx],
        *,
        member: UUID,
        store: EventStore,
        checkpoints: CheckpointStore[Tx],
        doorbell: Doorbell,
    ) -> None:
        self._subscription = subscription
        self._member = member
        self._store = store
        self._checkpoints = checkpoints
        self._doorbell = doorbell
        self._deliverer = Deliverer(subscription.delivery, subscription.retry_after, checkpoints)
        self._assigned: frozenset[Slice] = frozenset()
        self._held: dict[Slice, Held] = {}
        self._handled = 0
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Consume until stopped or cancelled, then hand the slices over to the other members."""
        try:
            await patiently(self._join)
            async with asyncio.TaskGroup() as group:
                living = group.create_task(self._stay_alive())
                looking = group.create_task(self._keep_looking(group))
                await self._stopping.wait()
                living.cancel()
                looking.cancel()
                self._assigned = frozenset()  # whoever drains a slice stops after the event in hand
        finally:
            await self._leave()

    def stop(self) -> None:
        """Let `run` return: the events in hand are finished, their checkpoints moved.

        A cancellation cuts a handler off in the middle instead.
        """
        self._deliverer.stopping = True
        self._stopping.set()

    async def run_until_caught_up(self) -> int:
        """Consume what is in the log, and return how many events that was.

        Raises:
            Exception: the handler's, if it stopped a slice; the other slices are caught up.
        """
        handled_before = self._handled
        try:
            await self._join()
            while await self._look_and_finish() or not self._assigned <= self._held.keys():
                await self._beat()
        finally:
            await self._leave()
        for held in self._held.values():
            if held.paused:
                raise held.paused
        return self._handled - handled_before

    async def retry_parked(self) -> int:
        """Handle the parked events again, stream by stream, and return how many succeeded."""
        failed, succeeded = set(), 0
        for letter in await self._letters():
            if letter.stream in failed:
                continue
            after = {letter.slice: letter.position - 1}
            [event] = await self._store.read_slices(after, limit=1)
            try:
                await self._deliverer.deliver_again(letter, event)
                succeeded += 1
            except Exception:
                failed.add(letter.stream)
                _log.exception("event stays parked", stream=letter.stream, position=letter.position)
        return succeeded

    async def _join(self) -> None:
        of = self._subscription
        await self._checkpoints.register(of.name, of.generation, of.category)
        self._held.clear()
        await self._beat()

    async def _beat(self) -> None:
        members = await self._checkpoints.heartbeat(self._subscription.group, self._member)
        slices = map(Slice, slices_of(self._subscription.category))
        self._assigned = frozenset(
            slice for slice in slices if owner_of(slice, members) == self._member
        )

    async def _stay_alive(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_EVERY.total_seconds())
            await patiently(self._beat)

    async def _leave(self) -> None:
        with suppress(*TRANSIENT):
            async with asyncio.timeout(LEAVE_WITHIN.total_seconds()):
                await self._checkpoints.leave(self._subscription.group, self._member)

    async def _keep_looking(self, group: asyncio.TaskGroup) -> None:
        pause = POLL_FIRST
        while True:
            heard = self._doorbell.heard()
            if await patiently(partial(self._look, group)):
                pause = POLL_FIRST
            else:
                await self._doorbell.wait(pause, after=heard)
                pause = min(2 * pause, POLL_LAST)

    async def _look_and_finish(self) -> bool:
        async with asyncio.TaskGroup() as group:
            return await self._look(group)

    async def _look(self, group: asyncio.TaskGroup) -> bool:
        """Put every slice with new events to work; False if there was none."""
        await self._take_assigned()
        idle = {
            slice: held.claim.position
            for slice, held in self._held.items()
            if not held.busy and not held.paused
        }
        if not idle:
            return False
        events = await self._store.read_slices(idle, limit=BATCH_MAX)
        for slice, batch in groupby(events, key=lambda event: event.slice):
            held = self._held[slice]
            held.busy = True
            group.create_task(self._drain(held, list(batch)))
        return bool(events)

    async def _take_assigned(self) -> None:
        for slice in self._held.keys() - self._assigned:
            if not self._held[slice].busy:
                del self._held[slice]
        missing = self._assigned - self._held.keys()
        if missing:
            of = self._subscription
            claims = await self._checkpoints.claim(of.name, of.generation, missing, self._member)
            self._held |= {claim.slice: Held(claim) for claim in claims}

    async def _drain(self, held: Held, events: Sequence[StoredEvent]) -> None:
        """Handle a slice to its end, or until it belongs to somebody else."""
        slice = held.claim.slice
        try:
            while events and slice in self._assigned:
                _check_dense(held.claim, events)
                await patiently(partial(self._deliverer.deliver, held, events))
                self._handled += len(events)
                after = {slice: held.claim.position}
                read = partial(self._store.read_slices, after, limit=BATCH_MAX)
                events = await patiently(read)
        except Fenced:
            # The claim is worth nothing now. Whether the slice is ours is asked at the next
            # heartbeat: no quarrel until then.
            del self._held[slice]
            self._assigned -= {slice}
            _log.info("slice lost", consumer=self._subscription.name, slice=slice)
        except Exception as error:
            held.paused = error
            position = held.claim.position + 1
            name = self._subscription.name
            _log.exception("slice paused", consumer=name, slice=slice, position=position)
        finally:
            held.busy = False

    async def _letters(self) -> Sequence[DeadLetter]:
        mine = (self._subscription.name, self._subscription.generation)
        letters = await self._checkpoints.dead_letters()
        own = [letter for letter in letters if (letter.consumer, letter.generation) == mine]
        return sorted(own, key=lambda letter: (letter.slice, letter.position))


def owner_of(slice: Slice, members: Sequence[UUID]) -> UUID:
    """Return the member of a slice: when a member joins or leaves, only its own slices move."""
    return max(members, key=lambda member: blake2b(f"{slice}/{member}".encode()).digest())


def _check_dense(claim: Claim, events: Sequence[StoredEvent]) -> None:
    for expected, event in enumerate(events, start=claim.position + 1):
        if event.position != expected:
            raise GapError(f"slice {claim.slice}: {expected} expected, {event.position} found")
