"""The log keeps its promises without a database: for tests, and to show how little they need.

There is one event loop, so what happens between two awaits is atomic.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from eventstore.api import (
    Appended,
    AppendResult,
    Checkpoint,
    Claim,
    CommandRef,
    DeadLetter,
    Duplicate,
    Loaded,
    Metadata,
    NewEvent,
    StoredEvent,
    VersionConflict,
)
from eventstore.errors import CommandIdReusedError, Fenced
from eventstore.slices import Category, Slice, StreamId, slice_of, slices_of

Clock = Callable[[], datetime]

ALIVE_FOR = timedelta(seconds=10)  # a member that misses five heartbeats is taken for dead


class MemoryEventStore:
    """An `EventStore` in lists."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._streams: defaultdict[StreamId, list[StoredEvent]] = defaultdict(list)
        self._slices: defaultdict[Slice, list[StoredEvent]] = defaultdict(list)
        self._recorded: dict[tuple[StreamId, UUID], tuple[UUID, Sequence[StoredEvent]]] = {}

    async def load(self, stream: StreamId, command: CommandRef) -> Loaded:
        events = tuple(self._streams[stream])
        known, recorded = self._recorded.get((stream, command.id), (None, ()))
        return Loaded(
            now=self._clock(),
            version=len(events),
            events=events,
            already=recorded if known == command.hash else (),
        )

    async def append(
        self,
        stream: StreamId,
        command: CommandRef,
        events: Sequence[NewEvent],
        *,
        expected: int,
        metadata: Metadata,
    ) -> AppendResult:
        if not events:
            raise ValueError(f"{stream}: nothing to append")
        known, recorded = self._recorded.get((stream, command.id), (None, ()))
        if known == command.hash:
            return _result(Duplicate, recorded)
        if known is not None:
            raise CommandIdReusedError(f"{stream}: command {command.id} has other content now")
        version = len(self._streams[stream])
        if version != expected:
            return VersionConflict(actual=version)
        return _result(Appended, self._store(stream, command, events, metadata))

    async def read_stream(self, stream: StreamId, *, after: int = 0) -> Sequence[StoredEvent]:
        return self._streams[stream][after:]

    async def read_slices(self, after: Mapping[Slice, int], *, limit: int) -> Sequence[StoredEvent]:
        return [
            event
            for slice in sorted(after)
            for event in self._slices[slice][after[slice] : after[slice] + limit]
        ]

    async def heads(self, category: Category) -> Mapping[Slice, int]:
        return {Slice(slice): self.head(Slice(slice)) for slice in slices_of(category)}

    def head(self, slice: Slice) -> int:
        """Return the highest position of a slice."""
        return len(self._slices[slice])

    def _store(
        self,
        stream: StreamId,
        command: CommandRef,
        events: Sequence[NewEvent],
        metadata: Metadata,
    ) -> Sequence[StoredEvent]:
        slice, recorded_at = slice_of(stream), self._clock()
        version, position = len(self._streams[stream]), self.head(slice)
        stored = [
            StoredEvent(
                stream=stream,
                version=version + number,
                slice=slice,
                position=position + number,
                type=event.type,
                schema_version=event.schema_version,
                data=event.data,
                metadata=dict(metadata),
                event_id=command.event_id(stream, number - 1),
                command_id=command.id,
                recorded_at=recorded_at,
            )
            for number, event in enumerate(events, start=1)
        ]
        self._streams[stream] += stored
        self._slices[slice] += stored
        self._recorded[stream, command.id] = (command.hash, stored)
        return stored


def _result(
    outcome: type[Appended] | type[Duplicate], events: Sequence[StoredEvent]
) -> Appended | Duplicate:
    first, last = events[0], events[-1]
    return outcome(
        versions=range(first.version, last.version + 1),
        slice=last.slice,
        position=last.position,
        recorded_at=last.recorded_at,
    )


_Key = tuple[str, int, Slice]  # consumer, generation, slice


@dataclass(frozen=True, slots=True)
class MemoryTransaction:
    """What is deferred is written when the block ends well, all at once."""

    rows: dict[_Key, "_Row"] = field(default_factory=dict)
    deferred: list[Callable[[], None]] = field(default_factory=list)
    locked: set[_Key] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Row:
    position: int
    epoch: int = 0


class MemoryCheckpointStore:
    """A `CheckpointStore` beside a `MemoryEventStore`."""

    def __init__(self, log: MemoryEventStore, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._rows: dict[_Key, _Row] = {}
        self._members: defaultdict[str, dict[UUID, datetime]] = defaultdict(dict)
        self._letters: list[DeadLetter] = []
        self._locked: set[_Key] = set()
        self._changed = asyncio.Event()

    async def register(self, consumer: str, generation: int, category: Category) -> None:
        for slice in slices_of(category):
            self._rows.setdefault((consumer, generation, Slice(slice)), _Row(position=0))

    async def heartbeat(self, consumer: str, member: UUID) -> Sequence[UUID]:
        members, now = self._members[consumer], self._clock()
        members[member] = now
        return [member for member, seen_at in members.items() if now - seen_at < ALIVE_FOR]

    async def leave(self, consumer: str, member: UUID) -> None:
        self._members[consumer].pop(member, None)

    async def claim(
        self, consumer: str, generation: int, slices: Collection[Slice], member: UUID
    ) -> Sequence[Claim]:
        claims = []
        for slice in slices:
            key = (consumer, generation, slice)
            if key in self._rows.keys() - self._locked:
                self._rows[key] = row = replace(self._rows[key], epoch=self._rows[key].epoch + 1)
                claims.append(Claim(*key, row.position, row.epoch))
        return claims

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[MemoryTransaction]:
        tx = MemoryTransaction()
        try:
            yield tx
            self._rows |= tx.rows
            for write in tx.deferred:
                write()
        finally:
            self._locked -= tx.locked
            self._changed.set()
            self._changed = asyncio.Event()

    async def advance(self, tx: MemoryTransaction | None, claim: Claim, to: int) -> Claim:
        if tx is None:
            async with self.transaction() as own:
                return await self.advance(own, claim, to)
        key = (claim.consumer, claim.generation, claim.slice)
        await self._lock(tx, key)
        if (self._rows | tx.rows).get(key) != _Row(claim.position, claim.epoch):
            raise Fenced(f"{claim.consumer}: slice {claim.slice} has another owner")
        tx.rows[key] = _Row(to, claim.epoch)
        return replace(claim, position=to)

    async def park(
        self,
        tx: MemoryTransaction,
        claim: Claim,
        event: StoredEvent,
        *,
        attempts: int,
        error: str,
    ) -> None:
        letter = DeadLetter(
            consumer=claim.consumer,
            generation=claim.generation,
            slice=claim.slice,
            position=event.position,
            stream=event.stream,
            attempts=attempts,
            error=error,
            parked_at=self._clock(),
        )
        tx.deferred.append(partial(self._letters.append, letter))

    async def parked_streams(
        self, consumer: str, generation: int, slice: Slice
    ) -> frozenset[StreamId]:
        key = (consumer, generation, slice)
        return frozenset(
            letter.stream
            for letter in self._letters
            if (letter.consumer, letter.generation, letter.slice) == key
        )

    async def dead_letters(self) -> Sequence[DeadLetter]:
        return tuple(self._letters)

    async def resolve(self, tx: MemoryTransaction, letter: DeadLetter) -> bool:
        await self._lock(tx, (letter.consumer, letter.generation, letter.slice))
        if letter not in self._letters:
            return False
        tx.deferred.append(partial(self._letters.remove, letter))
        return True

    async def lag(self) -> Sequence[Checkpoint]:
        return [
            Checkpoint(consumer, generation, slice, row.position, head=self._log.head(slice))
            for (consumer, generation, slice), row in sorted(self._rows.items())
        ]

    async def reset(self, tx: MemoryTransaction, consumer: str, generation: int) -> Sequence[Claim]:
        keys = [key for key in self._rows if key[:2] == (consumer, generation)]
        for key in keys:
            await self._lock(tx, key)
            tx.rows[key] = _Row(position=0, epoch=self._rows[key].epoch + 1)
        return [Claim(*key, tx.rows[key].position, tx.rows[key].epoch) for key in keys]

    async def _lock(self, tx: MemoryTransaction, key: _Key) -> None:
        while key in self._locked - tx.locked:
            await self._changed.wait()
        self._locked.add(key)
        tx.locked.add(key)


class MemoryDoorbell:
    """A `Doorbell` within one process."""

    def __init__(self) -> None:
        self._rings = 0
        self._rang = asyncio.Event()

    def ring(self, slice: Slice) -> None:
        self._rings += 1
        self._rang.set()
        self._rang = asyncio.Event()

    def heard(self) -> int:
        return self._rings

    async def wait(self, within: timedelta, *, after: int) -> None:
        try:
            async with asyncio.timeout(within.total_seconds()):
                while self._rings <= after:
                    await self._rang.wait()
        except TimeoutError:
            return
