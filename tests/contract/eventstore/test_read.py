"""A slice is positions 1, 2, 3 ..., read from any point."""

from eventstore.api import EventStore
from eventstore.slices import Slice, slice_of, slices_of
from tests.support.log import BOOKING, append, stream, streams_apart, streams_in


async def test_a_stream_is_read_after_a_version(log: EventStore) -> None:
    await append(log, stream(), 1, events=4)
    assert [event.version for event in await log.read_stream(stream(), after=2)] == [3, 4]
    assert list(await log.read_stream(stream(2))) == []


async def test_slices_are_read_after_their_positions(log: EventStore) -> None:
    one, other = streams_apart(2)
    await append(log, one, 1, events=3)
    await append(log, other, 2, events=5)
    events = await log.read_slices({slice_of(other): 1, slice_of(one): 2}, limit=3)
    assert [(event.slice, event.position) for event in events] == [
        (slice_of(one), 3),
        (slice_of(other), 2),
        (slice_of(other), 3),
        (slice_of(other), 4),
    ]


async def test_a_slice_keeps_the_order_of_its_streams_appends(log: EventStore) -> None:
    one, other = streams_in(Slice(5), 2)
    for number, to in enumerate([one, other, other, one]):
        await append(log, to, number)
    events = await log.read_slices({Slice(5): 0}, limit=10)
    assert [event.stream for event in events] == [one, other, other, one]


async def test_heads_tell_where_each_slice_ends(log: EventStore) -> None:
    await append(log, stream(), 1, events=2)
    heads = await log.heads(BOOKING)
    assert sorted(heads) == list(slices_of(BOOKING))
    assert heads[slice_of(stream())] == 2
    assert sum(heads.values()) == 2
