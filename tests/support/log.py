"""Example streams, commands and events for the log's own tests."""

import json
from collections.abc import Sequence
from uuid import UUID

from eventstore.api import (
    AnyVersion,
    Appended,
    CommandRef,
    EventStore,
    Expected,
    NewEvent,
    StoredEvent,
)
from eventstore.slices import Category, Slice, StreamId, slice_of, slices_of

BOOKING = Category("booking")
METADATA = {"actor": "tester", "workflow": "booking-1"}


def stream(number: int = 1) -> StreamId:
    return StreamId(f"booking-{number}")


def streams_in(slice: Slice, count: int) -> Sequence[StreamId]:
    """So many streams of one slice."""
    numbers = (number for number in range(100_000) if slice_of(stream(number)) == slice)
    return [stream(next(numbers)) for _ in range(count)]


def streams_apart(count: int) -> Sequence[StreamId]:
    """So many streams, each in a slice of its own."""
    return [streams_in(Slice(slice), 1)[0] for slice in slices_of(BOOKING)[:count]]


def command(number: int = 1, *, content: int = 0) -> CommandRef:
    return CommandRef(id=UUID(int=number), hash=UUID(int=content))


def noted(*numbers: int) -> Sequence[NewEvent]:
    """An event for each number."""
    return [NewEvent("Noted", 1, json.dumps({"number": number})) for number in numbers]


def numbers(events: Sequence[StoredEvent]) -> list[int]:
    """What `noted` was given."""
    return [json.loads(event.data)["number"] for event in events]


async def append(
    log: EventStore,
    to: StreamId,
    number: int,
    *,
    events: int = 1,
    expected: Expected = AnyVersion(),  # noqa: B008  a frozen value
) -> Appended:
    """Append new events; the number makes the command."""
    result = await log.append(
        to, command(number), noted(*range(events)), expected=expected, metadata=METADATA
    )
    assert isinstance(result, Appended)
    return result
