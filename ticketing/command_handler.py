"""Load, decide, append: the life of a command. One transaction, one stream."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from secrets import SystemRandom
from typing import Generic, TypeAlias, TypeVar
from uuid import UUID, uuid5

from pydantic import BaseModel

from eventstore.api import Appended, Bell, CommandRef, EventStore, Exact, Metadata
from eventstore.codec import Codec
from eventstore.slices import Slice, StreamId
from ticketing.booking.commands import BookingCommand, PayBooking
from ticketing.booking.events import BookingEvent
from ticketing.booking.rejections import BookingRejection
from ticketing.booking.state import Booking
from ticketing.decider import Decider, Rejection
from ticketing.errors import TransientError
from ticketing.payment.commands import PaymentCommand
from ticketing.payment.events import PaymentEvent
from ticketing.payment.rejections import PaymentRejection
from ticketing.payment.state import Payment

C = TypeVar("C", bound=BaseModel)
S = TypeVar("S")
E = TypeVar("E", bound=BaseModel)
R = TypeVar("R", bound=Rejection)

# After a conflict: somebody else wrote to the stream. Jittered, so that two do not keep in step.
PAUSES_SECONDS = (0.1, 0.15, 0.225)
# A digest holds the name that its command had when it was first stored.
_STORED_NAMES: dict[type[BaseModel], str] = {PayBooking: "ReceivePayment"}
_HASHES = UUID("f3a7c1de-2b54-4c0a-8a43-0f5a2a9d6c38")  # the root of all digests; any would do


@dataclass(frozen=True, slots=True)
class Accepted(Generic[S, E]):
    """The entity as it is now, and what the command recorded: the first time, if repeated.

    `position` is where to wait for in a consumer to read one's own write.
    """

    state: S
    events: Sequence[E]
    position: tuple[Slice, int] | None


class CommandHandler(Generic[C, S, E, R]):
    def __init__(
        self,
        store: EventStore,
        doorbell: Bell,
        decider: Decider[C, S, E, R],
        codec: Codec[E],
        stream_of: Callable[[C], StreamId],
    ) -> None:
        self._store = store
        self._doorbell = doorbell
        self._decider = decider
        self._codec = codec
        self._stream_of = stream_of

    async def execute(
        self, command: C, *, command_id: UUID, metadata: Metadata
    ) -> Accepted[S, E] | R:
        """What came of the command. The same id and content again: the same events, no new ones.

        Raises:
            TransientError: others kept writing to the stream; try again later.
            DefectError: the stream cannot be read, or the id was used for another command.
        """
        stream = self._stream_of(command)
        ref = CommandRef(id=command_id, hash=digest(command))
        for pause in (*PAUSES_SECONDS, None):
            answer = await self._try(stream, command, ref, metadata)
            if answer is not None:
                return answer
            if pause is not None:
                await asyncio.sleep(SystemRandom().uniform(pause / 2, pause))
        raise TransientError(f"{stream}: {len(PAUSES_SECONDS) + 1} version conflicts in a row")

    async def read(self, stream: StreamId) -> S:
        """The entity as it is now."""
        events = await self._store.read_stream(stream)
        return self._fold([self._codec.decode(each) for each in events], self._decider.initial)

    async def _try(
        self, stream: StreamId, command: C, ref: CommandRef, metadata: Metadata
    ) -> Accepted[S, E] | R | None:
        loaded = await self._store.load(stream, ref)
        state = self._fold([self._codec.decode(e) for e in loaded.events], self._decider.initial)
        if loaded.already:
            first = [self._codec.decode(each) for each in loaded.already]
            last = loaded.already[-1]
            return Accepted(state, tuple(first), (last.slice, last.position))
        outcome = self._decider.decide(command, state, loaded.now)
        if isinstance(outcome, Rejection):
            return outcome
        if not outcome:
            return Accepted(state, (), None)
        result = await self._store.append(
            stream,
            ref,
            [self._codec.encode(event) for event in outcome],
            expected=Exact(loaded.version),
            metadata=metadata,
        )
        if not isinstance(result, Appended):
            return None  # a conflict, or a twin of this command was faster: look again
        self._doorbell.ring(result.slice)
        return Accepted(self._fold(outcome, state), tuple(outcome), (result.slice, result.position))

    def _fold(self, events: Sequence[E], state: S) -> S:
        return reduce(self._decider.evolve, events, state)


BookingHandler: TypeAlias = CommandHandler[
    BookingCommand, Booking | None, BookingEvent, BookingRejection
]
PaymentHandler: TypeAlias = CommandHandler[
    PaymentCommand, Payment | None, PaymentEvent, PaymentRejection
]


def digest(command: BaseModel) -> UUID:
    """Return what tells a command from another one that was sent under the same id."""
    name = _STORED_NAMES.get(type(command), type(command).__name__)
    return uuid5(_HASHES, f"{name}{command.model_dump_json()}")
