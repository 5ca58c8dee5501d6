"""The life of a command: decided once, recorded once, and again if somebody else was faster."""

import asyncio
from typing import Any, TypeAlias, get_args

import pytest

from eventstore.api import AppendResult, CommandRef, Loaded, Metadata, VersionConflict
from eventstore.codec import Codec
from eventstore.errors import CommandIdReusedError, TransientError
from eventstore.memory import MemoryDoorbell, MemoryEventStore
from eventstore.slices import StreamId
from tests.support.controls import (
    BOOKING_ID,
    BOOKINGS,
    CANCEL,
    CANCELLED,
    CONFIRM,
    NOW,
    PAID,
    PAY,
    PLACE,
    PLACED,
    SEAT,
    SETTLED,
)
from ticketing import command_handler
from ticketing.booking import rejections
from ticketing.booking.commands import BookingCommand
from ticketing.booking.decider import BOOKING
from ticketing.booking.events import BookingEvent
from ticketing.booking.state import Booking
from ticketing.command_handler import PAUSES_SECONDS, Accepted, CommandHandler
from ticketing.errors import ImpossibleTransition
from ticketing.ids import booking_stream, command_id

STREAM = booking_stream(BOOKING_ID)
CODEC: Codec[BookingEvent] = Codec(get_args(BookingEvent))

Answer: TypeAlias = Accepted[Booking | None, BookingEvent] | rejections.BookingRejection


class Bookings:
    """A handler on a store; the command's type is its step unless a test says otherwise."""

    def __init__(self, store: MemoryEventStore) -> None:
        self.store = store
        self.doorbell = MemoryDoorbell()
        self.handler: CommandHandler[
            BookingCommand, Booking | None, BookingEvent, rejections.BookingRejection
        ] = CommandHandler(store, self.doorbell, BOOKING, CODEC, lambda _: STREAM)

    async def ask(self, command: BookingCommand, step: str | None = None) -> Answer:
        return await self.handler.execute(
            command,
            command_id=command_id(STREAM, step or type(command).__name__),
            metadata={"process": STREAM},
        )

    async def recorded(self) -> tuple[BookingEvent, ...]:
        return tuple(CODEC.decode(event) for event in await self.store.read_stream(STREAM))


class Together(MemoryEventStore):
    """Lets the other tasks run between load and append, so that all decide on the same version."""

    async def load(self, stream: StreamId, command: CommandRef) -> Loaded:
        loaded = await super().load(stream, command)
        await asyncio.sleep(0)
        return loaded


class TogetherUnchecked(Together):
    """A broken log: whatever version was expected is fine."""

    async def append(
        self, stream: StreamId, *what: Any, expected: int, metadata: Metadata
    ) -> AppendResult:
        version = len(await self.read_stream(stream))
        return await super().append(stream, *what, expected=version, metadata=metadata)


class AlwaysLate(MemoryEventStore):
    attempts = 0

    async def append(self, *_: Any, **__: Any) -> AppendResult:
        self.attempts += 1
        return VersionConflict(actual=self.attempts)


@pytest.fixture
def bookings() -> Bookings:
    return Bookings(MemoryEventStore(lambda: NOW))


async def confirmed(store: MemoryEventStore) -> Bookings:
    bookings = Bookings(store)
    for command in (PLACE, CONFIRM):
        await bookings.ask(command)
    return bookings


async def at_once(bookings: Bookings, *commands: BookingCommand) -> list[Answer]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(bookings.ask(command)) for command in commands]
    return [task.result() for task in tasks]


async def test_an_accepted_command_is_recorded_and_folded(bookings: Bookings) -> None:
    booking = BOOKING.evolve(None, PLACED)
    assert await bookings.ask(PLACE) == Accepted(booking, (PLACED,))
    assert await bookings.handler.read(STREAM) == booking
    [stored] = await bookings.store.read_stream(STREAM)
    assert stored.metadata == {"process": STREAM}
    assert bookings.doorbell.heard() == 1


async def test_a_stream_nobody_wrote_to_is_no_booking(bookings: Bookings) -> None:
    assert await bookings.handler.read(STREAM) is None


async def test_a_rejected_command_records_nothing(bookings: Bookings) -> None:
    assert await bookings.ask(CANCEL) == rejections.BookingNotFound()
    assert await bookings.recorded() == ()
    assert bookings.doorbell.heard() == 0


async def test_a_command_with_nothing_to_do_records_nothing(bookings: Bookings) -> None:
    await bookings.ask(PLACE)
    booking = BOOKING.evolve(None, PLACED)
    assert await bookings.ask(PLACE, step="again") == Accepted(booking, ())
    assert bookings.doorbell.heard() == 1


async def test_a_repeated_command_gets_its_first_answer_and_the_state_of_today() -> None:
    bookings = await confirmed(MemoryEventStore(lambda: NOW))
    again = await bookings.ask(PLACE)
    assert isinstance(again, Accepted)
    assert again.state is not None
    assert (again.state.status, again.events) == ("confirmed", (PLACED,))
    assert await bookings.recorded() == BOOKINGS["confirmed"]


async def test_a_known_id_with_other_content_is_never_recorded(bookings: Bookings) -> None:
    await bookings.ask(PLACE, step="one")
    other = PLACE.model_copy(update={"seats": (SEAT,)})
    assert await bookings.ask(other, step="one") == rejections.BookingAlreadyExists()
    with pytest.raises(CommandIdReusedError):
        await bookings.ask(CANCEL, step="one")
    assert await bookings.recorded() == (PLACED,)


async def test_a_payment_and_a_cancellation_at_once_have_one_winner() -> None:
    bookings = await confirmed(Together(lambda: NOW))
    paid, cancelled = await at_once(bookings, PAY, CANCEL)
    if isinstance(paid, Accepted):
        assert cancelled == rejections.BookingIsAlreadySettled(payment_id=PAY.payment_id)
        assert await bookings.recorded() == BOOKINGS["settled"]
    else:
        assert paid == rejections.BookingIsCancelled()
        assert await bookings.recorded() == BOOKINGS["cancelled"]


async def test_without_the_version_check_both_would_win() -> None:
    bookings = await confirmed(TogetherUnchecked(lambda: NOW))
    await at_once(bookings, PAY, CANCEL)
    assert set(await bookings.recorded()) > {PAID, SETTLED, CANCELLED}
    with pytest.raises(ImpossibleTransition):
        await bookings.handler.read(STREAM)


async def test_the_same_command_at_once_is_recorded_once_and_answered_twice() -> None:
    bookings = await confirmed(Together(lambda: NOW))
    one, two = await at_once(bookings, PAY, PAY)
    assert one == two
    assert isinstance(one, Accepted)
    assert one.events == (PAID, SETTLED)
    assert await bookings.recorded() == BOOKINGS["settled"]


async def test_endless_conflicts_are_transient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_handler, "PAUSES_SECONDS", (0,) * len(PAUSES_SECONDS))
    store = AlwaysLate(lambda: NOW)
    with pytest.raises(TransientError, match=STREAM):
        await Bookings(store).ask(PLACE)
    assert store.attempts == 1 + len(PAUSES_SECONDS)
