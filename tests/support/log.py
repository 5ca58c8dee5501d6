"""Example streams, commands and events for the log's own tests."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import asyncpg

from eventstore.api import (
    Appended,
    AppendResult,
    CheckpointStore,
    CommandRef,
    EventStore,
    NewEvent,
    StoredEvent,
    VersionConflict,
)
from eventstore.postgres.log import PostgresEventStore
from eventstore.slices import Category, Slice, StreamId, slice_of, slices_of
from tests.support.waiting import eventually

BOOKING = Category("booking")
FIRST = StreamId("booking-1")
METADATA = {"actor": "tester", "workflow": "booking-1"}


def stream(number: int = 1) -> StreamId:
    return StreamId(f"booking-{number}")


def streams_in(slice: Slice, count: int) -> Sequence[StreamId]:
    numbers = (number for number in range(100_000) if slice_of(stream(number)) == slice)
    return [stream(next(numbers)) for _ in range(count)]


def streams_apart(count: int) -> Sequence[StreamId]:
    return [streams_in(Slice(slice), 1)[0] for slice in slices_of(BOOKING)[:count]]


def command(number: int = 1, *, content: int = 0) -> CommandRef:
    return CommandRef(id=UUID(int=number), hash=UUID(int=content))


def noted(*numbers: int) -> Sequence[NewEvent]:
    return [NewEvent("Noted", 1, json.dumps({"number": number})) for number in numbers]


def numbers(events: Sequence[StoredEvent]) -> list[int]:
    return [json.loads(event.data)["number"] for event in events]


def stored(event: NewEvent, of: StreamId = FIRST, version: int = 1, **more: Any) -> StoredEvent:
    """The event as if it were in the log; its position is its version."""
    fields: dict[str, Any] = {
        "stream": of,
        "version": version,
        "slice": slice_of(of),
        "position": version,
        "type": event.type,
        "schema_version": event.schema_version,
        "data": event.data,
        "metadata": {},
        "event_id": UUID(int=version),
        "command_id": UUID(int=0),
        "recorded_at": datetime(2031, 5, 1, tzinfo=UTC),
    }
    return StoredEvent(**{**fields, **more})


async def record(
    log: EventStore, to: StreamId, ref: CommandRef, events: Sequence[NewEvent]
) -> AppendResult:
    """Append past every rule, whatever the stream's version is."""
    while True:
        version = (await log.load(to, ref)).version
        result = await log.append(to, ref, events, expected=version, metadata=METADATA)
        if not isinstance(result, VersionConflict):
            return result


async def record_past_rules(pool: asyncpg.Pool, to: str, *events: tuple[str, object]) -> None:
    """Write events of any type with any data."""
    ref = CommandRef(uuid5(UUID(int=0), f"{to} {events}"), UUID(int=0))
    new = [NewEvent(type, 1, json.dumps(data)) for type, data in events]
    await record(PostgresEventStore(pool), StreamId(to), ref, new)


async def append(log: EventStore, to: StreamId, number: int, *, events: int = 1) -> Appended:
    """Append new events; the number makes the command."""
    result = await record(log, to, command(number), noted(*range(events)))
    assert isinstance(result, Appended)
    return result


async def caught_up(
    checkpoints: CheckpointStore[Any], consumer: str = "test", *, slice: Slice | None = None
) -> None:
    """Wait until the consumer has handled every event, or every event of the slice."""

    async def nothing_is_left() -> bool:
        mine = [
            checkpoint.position == checkpoint.head
            for checkpoint in await checkpoints.lag()
            if checkpoint.consumer == consumer and slice in (None, checkpoint.slice)
        ]
        return bool(mine) and all(mine)

    await eventually(nothing_is_left, f"{consumer} has handled every event")
