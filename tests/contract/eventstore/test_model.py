"""Whatever happens in whatever order, the log does what a dictionary of lists would do."""

from collections import defaultdict
from itertools import count
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventstore.api import Appended, CommandRef, Duplicate, EventStore, VersionConflict
from eventstore.errors import CommandIdReusedError
from eventstore.slices import StreamId
from tests.support.log import noted, numbers

Step = tuple[int, int, int, int, int]  # stream, command, content, events, off

STEPS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.integers(0, 5),
        st.sampled_from([0, 0, 0, 1]),
        st.integers(1, 3),
        st.sampled_from([0, 0, 0, 0, -1, 1]),  # off the version
    ),
    min_size=3,
    max_size=15,
)
_examples = count()  # each example has its own streams


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
async def test_the_log_behaves_like_a_dictionary(log: EventStore, steps: list[Step]) -> None:
    example = next(_examples)
    model = _Model()
    for number, (of, command, content, size, off) in enumerate(steps):
        stream = StreamId(f"booking-{example}-{of}")
        ref = CommandRef(UUID(int=command), UUID(int=content))
        events = [number * 10 + place for place in range(size)]
        expected = max(len(model.streams[stream]) + off, 0)
        told = model.append(stream, ref, events, expected)
        try:
            result = await log.append(stream, ref, noted(*events), expected=expected, metadata={})
        except CommandIdReusedError:
            assert told == "reused"
            continue
        match result:
            case Appended(versions=versions):
                assert told == ("appended", versions)
            case Duplicate(versions=versions):
                assert told == ("duplicate", versions)
            case VersionConflict(actual=actual):
                assert told == ("conflict", actual)
    for stream, expected_events in model.streams.items():
        assert numbers(await log.read_stream(stream)) == expected_events


class _Model:
    def __init__(self) -> None:
        self.streams: defaultdict[StreamId, list[int]] = defaultdict(list)
        self._recorded: dict[tuple[StreamId, UUID], tuple[UUID, range]] = {}

    def append(self, stream: StreamId, ref: CommandRef, events: list[int], expected: int) -> object:
        recorded = self._recorded.get((stream, ref.id))
        if recorded is not None:
            return ("duplicate", recorded[1]) if recorded[0] == ref.hash else "reused"
        version = len(self.streams[stream])
        if expected != version:
            return ("conflict", version)
        self.streams[stream] += events
        versions = range(version + 1, version + len(events) + 1)
        self._recorded[stream, ref.id] = (ref.hash, versions)
        return ("appended", versions)
