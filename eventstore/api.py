"""What the log promises.

Streams have versions 1, 2, 3 ...; slices have positions 1, 2, 3 ...; neither has holes.
A command is recorded at most once, and asking again returns the first answer.
Contract suite: tests/contract/eventstore/.
Why it holds: docs/decisions/0002-slices-with-dense-positions.md.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar
from uuid import UUID, uuid5

from eventstore.slices import Category, Slice, StreamId

Metadata = Mapping[str, str]  # correlation, causation, actor, workflow id; no personal data


@dataclass(frozen=True, slots=True)
class CommandRef:
    """A command is known by its id, and by a digest of its type and content."""

    id: UUID
    hash: UUID

    def event_id(self, stream: StreamId, ordinal: int) -> UUID:
        """Return the id of the command's event number 0, 1, 2 ...: the same on every retry."""
        return uuid5(self.id, f"{stream}/{ordinal}")


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to append; `data` is JSON text of an object."""

    type: str
    schema_version: int
    data: str


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One row of the log; `data` equals what was appended as JSON, not as text."""

    stream: StreamId
    version: int
    slice: Slice
    position: int
    type: str
    schema_version: int
    data: str
    metadata: Metadata
    event_id: UUID
    command_id: UUID
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Appended:
    """The events are stored; `position` is the last one's."""

    versions: range
    slice: Slice
    position: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Duplicate:
    """This command was recorded before; nothing new was stored. Fields as in `Appended`."""

    versions: range
    slice: Slice
    position: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class VersionConflict:
    """The stream is not at the expected version but at `actual`; nothing was stored."""

    actual: int


AppendResult = Appended | Duplicate | VersionConflict


@dataclass(frozen=True, slots=True)
class Head:
    """Where a slice ends; the hash of its last event covers every event before it."""

    slice: Slice
    position: int
    hash: bytes  # empty while nothing was appended


@dataclass(frozen=True, slots=True)
class Loaded:
    """A stream, read to decide on.

    `now` is the database's clock; `already` are the events this very command recorded earlier.
    """

    now: datetime
    version: int
    events: Sequence[StoredEvent]
    already: Sequence[StoredEvent]


class EventStore(Protocol):
    """The log: events are appended and read, and never changed."""

    async def load(self, stream: StreamId, command: CommandRef) -> Loaded:
        """Read everything that is needed to decide on a command, in one round trip."""
        ...

    async def append(
        self,
        stream: StreamId,
        command: CommandRef,
        events: Sequence[NewEvent],
        *,
        expected: int,
        metadata: Metadata,
    ) -> AppendResult:
        """Store the events of one command, all or none, in one round trip.

        `expected` is the stream's version when the command was decided; 0: there is no stream.

        Raises:
            CommandIdReusedError: the command id is recorded with another hash.
            ValueError: there are no events.
        """
        ...

    async def read_stream(self, stream: StreamId, *, after: int = 0) -> Sequence[StoredEvent]:
        """Return the events of a stream with a version above `after`, in order."""
        ...

    async def read_slices(self, after: Mapping[Slice, int], *, limit: int) -> Sequence[StoredEvent]:
        """Return at most `limit` events of every slice above its position, in order."""
        ...

    async def heads(self, category: Category) -> Mapping[Slice, int]:
        """Return the highest position of every slice of the category; 0 where it is empty."""
        ...


@dataclass(frozen=True, slots=True)
class Claim:
    """A slice is owned by one member, as of `epoch`; its checkpoint stands at `position`."""

    consumer: str
    generation: int
    slice: Slice
    position: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a consumer has come in a slice, and where the slice ends."""

    consumer: str
    generation: int
    slice: Slice
    position: int
    head: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that a consumer could not handle and put aside."""

    consumer: str
    generation: int
    slice: Slice
    position: int
    stream: StreamId
    attempts: int
    error: str
    parked_at: datetime


Tx = TypeVar("Tx")  # a store's transaction: what a projection writes through


class CheckpointStore(Protocol, Generic[Tx]):
    """How far every consumer is. A slice has one owner; a claim fences the one before."""

    async def register(self, consumer: str, generation: int, category: Category) -> None:
        """Create a consumer's missing checkpoints at the log's beginning; others stay."""
        ...

    async def heartbeat(self, consumer: str, member: UUID) -> Sequence[UUID]:
        """Say that this member lives, and return the living members, this one included."""
        ...

    async def leave(self, consumer: str, member: UUID) -> None:
        """Say that this member stops, so that others need not wait for its heartbeat to age."""
        ...

    async def claim(
        self, consumer: str, generation: int, slices: Collection[Slice], member: UUID
    ) -> Sequence[Claim]:
        """Take slices, whoever owns them; the previous owners are fenced.

        A slice with a transaction in flight is left out: ask for it again.
        """
        ...

    def transaction(self) -> AbstractAsyncContextManager[Tx]:
        """Commit at the end of the block, or roll back when it raises."""
        ...

    async def advance(self, tx: Tx | None, claim: Claim, to: int) -> Claim:
        """Move the checkpoint; call it first in the transaction, so that a zombie stops early.

        Without a transaction the checkpoint moves by itself, in a single statement.

        Raises:
            Fenced: another member owns the slice now.
        """
        ...

    async def park(
        self, tx: Tx, claim: Claim, event: StoredEvent, *, attempts: int, error: str
    ) -> None:
        """Put an event aside as a dead letter; with no attempts, it waits behind another."""
        ...

    async def parked_streams(
        self, consumer: str, generation: int, slice: Slice
    ) -> frozenset[StreamId]:
        """Return the streams of a slice whose later events park behind an unresolved one."""
        ...

    async def dead_letters(self) -> Sequence[DeadLetter]:
        """Return every unresolved dead letter, oldest first."""
        ...

    async def resolve(self, tx: Tx, letter: DeadLetter) -> bool:
        """Mark a dead letter as handled, before anything else; False if somebody else did."""
        ...

    async def lag(self) -> Sequence[Checkpoint]:
        """Return every checkpoint beside the head of its slice."""
        ...

    async def reset(self, tx: Tx, consumer: str, generation: int) -> Sequence[Claim]:
        """Move every checkpoint of a projection to the start and fence its owners.

        Empty the projection's tables afterwards and fold the log again, in the same transaction:
        nobody else does, since idle owners do not look back.
        """
        ...


class Bell(Protocol):
    """A hint that a slice has new events. A lost ring only delays: consumers poll as well."""

    def ring(self, slice: Slice) -> None:
        """Tell the listeners soon; returns at once."""
        ...


class Doorbell(Bell, Protocol):
    """A bell with the side that listens."""

    def heard(self) -> int:
        """Return how often it rang so far: note it before you look for events, then `wait`."""
        ...

    async def wait(self, within: timedelta, *, after: int) -> None:
        """Return once it rang more often than `after`, or when `within` is over."""
        ...
