"""A stream is versions 1, 2, 3 ...; a command is recorded at most once."""

import asyncio
from dataclasses import asdict
from uuid import uuid5

import pytest

from eventstore.api import Appended, AppendResult, Duplicate, EventStore, VersionConflict
from eventstore.errors import CommandIdReusedError
from eventstore.slices import slice_of
from tests.support.log import METADATA, append, command, noted, numbers, stream, streams_in


async def test_events_come_back_as_they_were_appended(log: EventStore) -> None:
    first = await append(log, stream(), 1, events=3)
    await append(log, stream(), 2)
    events = await log.read_stream(stream())
    assert numbers(events) == [0, 1, 2, 0]
    assert [event.version for event in events] == [1, 2, 3, 4]
    assert [event.position for event in events] == [1, 2, 3, 4]
    assert {event.slice for event in events} == {slice_of(stream())}
    assert {(event.type, event.schema_version) for event in events} == {("Noted", 1)}
    assert [event.metadata for event in events] == [METADATA] * 4
    assert [event.command_id for event in events] == [command(1).id] * 3 + [command(2).id]
    assert {event.recorded_at for event in events[:3]} == {first.recorded_at}
    assert events[2].event_id == uuid5(command(1).id, f"{stream()}/2")
    assert first.position == 3


async def test_positions_count_over_all_streams_of_a_slice(log: EventStore) -> None:
    one, other = streams_in(slice_of(stream()), 2)
    await append(log, one, 1, events=2)
    assert (await append(log, other, 2, events=2)).position == 4
    assert (await append(log, one, 3)).position == 5


async def test_an_append_of_nothing_is_an_error(log: EventStore) -> None:
    with pytest.raises(ValueError, match="nothing to append"):
        await log.append(stream(), command(), [], expected=0, metadata={})


async def test_loading_a_missing_stream_gives_the_clock(log: EventStore) -> None:
    loaded = await log.load(stream(), command())
    assert (loaded.version, list(loaded.events), list(loaded.already)) == (0, [], [])
    assert loaded.now.tzinfo is not None


async def test_loading_gives_every_event_and_the_commands_own(log: EventStore) -> None:
    await append(log, stream(), 1)
    await append(log, stream(), 2, events=2)
    loaded = await log.load(stream(), command(2))
    assert (loaded.version, len(loaded.events)) == (3, 3)
    assert [event.version for event in loaded.already] == [2, 3]


async def test_the_clock_runs_from_load_to_append_to_load(log: EventStore) -> None:
    for number in range(3):
        before = await log.load(stream(), command(number))
        appended = await append(log, stream(), number)
        after = await log.load(stream(), command(number))
        assert before.now <= appended.recorded_at <= after.now


def _fields(result: AppendResult) -> dict[str, object]:
    return asdict(result)


async def test_a_repeated_command_gets_the_first_answer(log: EventStore) -> None:
    first = await append(log, stream(), 1, events=2)
    await append(log, stream(), 2)
    again = await log.append(
        stream(), command(1), noted(9), expected=0, metadata={"other": "metadata"}
    )
    assert isinstance(again, Duplicate)
    assert _fields(again) == _fields(first)
    assert len(await log.read_stream(stream())) == 3


async def test_a_command_sent_twenty_times_at_once_is_recorded_once(log: EventStore) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(
                log.append(stream(), command(1), noted(1), expected=0, metadata=METADATA)
            )
            for _ in range(20)
        ]
    results = [task.result() for task in tasks]
    assert sorted(type(result).__name__ for result in results) == ["Appended"] + ["Duplicate"] * 19
    assert len({str(_fields(result)) for result in results}) == 1
    assert len(await log.read_stream(stream())) == 1


async def test_a_command_id_with_other_content_is_a_defect(log: EventStore) -> None:
    await append(log, stream(), 1)
    loaded = await log.load(stream(), command(1, content=2))
    assert list(loaded.already) == []
    with pytest.raises(CommandIdReusedError, match="booking-1"):
        await log.append(stream(), command(1, content=2), noted(1), expected=0, metadata={})


async def test_of_many_writers_at_one_version_one_wins(log: EventStore) -> None:
    for round_ in range(20):
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(
                    log.append(stream(), command(number), noted(1), expected=round_, metadata={})
                )
                for number in range(32 * round_, 32 * (round_ + 1))
            ]
        results = [task.result() for task in tasks]
        assert sum(isinstance(result, Appended) for result in results) == 1
        assert sum(result == VersionConflict(actual=round_ + 1) for result in results) == 31
