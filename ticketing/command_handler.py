"""The life of a command: load the stream, decide, append the events in one transaction."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from secrets import SystemRandom
from typing import Generic, TypeAlias, TypeVar, get_args
from uuid import UUID, uuid5

from pydantic import BaseModel

from eventstore.api import Appended, Bell, CommandRef, EventStore, Metadata, StoredEvent
from eventstore.codec import Codec
from eventstore.errors import TransientError
from eventstore.slices import StreamId
from ticketing.booking.commands import BookingCommand, PayBooking
from ticketing.booking.decider import BOOKING
from ticketing.booking.events import BookingEvent
from ticketing.booking.rejections import BookingRejection
from ticketing.booking.state import Booking
from ticketing.decider import Decider, Rejection
from ticketing.ids import booking_stream, payment_stream
from ticketing.payment.commands import PaymentCommand
from ticketing.payment.decider import PAYMENT
from ticketing.payment.events import PaymentEvent
from ticketing.payment.rejections import PaymentRejection
from ticketing.payment.state import Payment

C = TypeVar("C", bound=BaseModel)
S = TypeVar("S")
E = TypeVar("E", bound=BaseModel)
R = TypeVar("R", bound=Rejection)

# The pauses after version conflicts; jitter keeps two writers from colliding again.
PAUSES_SECONDS = (0.1, 0.15, 0.225)
# A digest holds the name that its command had when it was first stored.
_STORED_NAMES: dict[type[BaseModel], str] = {PayBooking: "ReceivePayment"}
# The namespace of all digests; any fixed UUID would do.
_HASHES = UUID("f3a7c1de-2b54-4c0a-8a43-0f5a2a9d6c38")


@dataclass(frozen=True, slots=True)
class Accepted(Generic[S, E]):
    """The command was accepted: the entity as it is now, and the events that the command recorded.

    A repeated command returns the events of its first time.
    """

    state: S
    events: Sequence[E]


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
        """Execute the command once; a repeat with the same id and content returns the same events.

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
        """Return the entity as it is now."""
        return self._state(await self._store.read_stream(stream))

    async def _try(
        self, stream: StreamId, command: C, ref: CommandRef, metadata: Metadata
    ) -> Accepted[S, E] | R | None:
        loaded = await self._store.load(stream, ref)
        state = self._state(loaded.events)
        if loaded.already:
            return Accepted(state, tuple(map(self._codec.decode, loaded.already)))
        outcome = self._decider.decide(command, state, loaded.now)
        if isinstance(outcome, Rejection):
            return outcome
        if not outcome:
            return Accepted(state, ())
        result = await self._store.append(
            stream,
            ref,
            [self._codec.encode(event) for event in outcome],
            expected=loaded.version,
            metadata=metadata,
        )
        if not isinstance(result, Appended):
            return None  # another command, or a copy of this one, was faster: load again
        self._doorbell.ring(result.slice)
        return Accepted(reduce(self._decider.evolve, outcome, state), tuple(outcome))

    def _state(self, events: Sequence[StoredEvent]) -> S:
        decoded = map(self._codec.decode, events)
        return reduce(self._decider.evolve, decoded, self._decider.initial)


BookingHandler: TypeAlias = CommandHandler[
    BookingCommand, Booking | None, BookingEvent, BookingRejection
]
PaymentHandler: TypeAlias = CommandHandler[
    PaymentCommand, Payment | None, PaymentEvent, PaymentRejection
]
BOOKING_CODEC: Codec[BookingEvent] = Codec(get_args(BookingEvent))
PAYMENT_CODEC: Codec[PaymentEvent] = Codec(get_args(PaymentEvent))


def booking_handler(store: EventStore, doorbell: Bell) -> BookingHandler:
    """Return the handler of commands to bookings."""
    return CommandHandler(
        store,
        doorbell,
        BOOKING,
        BOOKING_CODEC,
        lambda command: booking_stream(command.booking_id),
    )


def payment_handler(store: EventStore, doorbell: Bell) -> PaymentHandler:
    """Return the handler of commands to payments."""
    return CommandHandler(
        store,
        doorbell,
        PAYMENT,
        PAYMENT_CODEC,
        lambda command: payment_stream(command.payment_id),
    )


def digest(command: BaseModel) -> UUID:
    """Return the digest that tells two commands with the same id apart."""
    name = _STORED_NAMES.get(type(command), type(command).__name__)
    return uuid5(_HASHES, f"{name}{command.model_dump_json()}")
