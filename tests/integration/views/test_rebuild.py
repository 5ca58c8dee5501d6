"""The views follow the log: in small steps, all at once or twice, they say the same."""

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import count

import pytest
from pydantic import PostgresDsn

from entrypoints.settings import Settings
from entrypoints.wiring import BoxOffice, box_office, consumer, projections, rebuild_views
from eventstore.api import NewEvent
from eventstore.slices import StreamId
from tests.support.controls import BOOKINGS, PAYMENTS, REINSTATED_BOOKING, SETTLED_FREE_BOOKING
from tests.support.log import command, record
from ticketing.command_handler import BOOKING_CODEC, PAYMENT_CODEC
from ticketing.ids import BookingId, PaymentId, booking_stream, payment_stream

ROWS = """
SELECT to_jsonb(b)::text FROM views.booking b
 UNION ALL
SELECT to_jsonb(p)::text FROM views.payment p
 ORDER BY 1
"""


@pytest.fixture
async def parts(database: str) -> AsyncIterator[BoxOffice]:
    async with box_office(Settings(database_url=PostgresDsn(database))) as parts:
        yield parts


def histories() -> Iterator[tuple[StreamId, Sequence[NewEvent]]]:
    """Of a booking and of a payment in each status, and more."""
    bookings = (*BOOKINGS.values(), SETTLED_FREE_BOOKING, REINSTATED_BOOKING)
    for number, booking in enumerate(bookings):
        stream = booking_stream(BookingId(str(number)))
        yield stream, [BOOKING_CODEC.encode(event) for event in booking]
    for number, payment in enumerate(PAYMENTS.values()):
        stream = payment_stream(PaymentId(str(number)))
        yield stream, [PAYMENT_CODEC.encode(event) for event in payment]


async def follow(parts: BoxOffice) -> int:
    """Project what is new."""
    return sum([await consumer(parts, view).run_until_caught_up() for view in projections(parts)])


async def happen_step_by_step(parts: BoxOffice) -> int:
    """One event of each stream, then the views follow, and so on; the number of events."""
    left, numbers, events = dict(histories()), count(), 0
    while left:
        for stream, (event, *_) in left.items():
            ref = command(next(numbers))
            await record(parts.store, stream, ref, [event])
        events += await follow(parts)
        left = {stream: rest for stream, (_, *rest) in left.items() if rest}
    return events


async def rows(parts: BoxOffice) -> list[str]:
    return [row[0] for row in await parts.pool.fetch(ROWS)]


async def test_rebuilt_views_are_those_that_followed_the_log(parts: BoxOffice) -> None:
    events = await happen_step_by_step(parts)
    followed = await rows(parts)
    assert len(followed) == len(dict(histories()))
    assert await rebuild_views(parts) == events
    assert await rows(parts) == followed


async def test_events_projected_twice_change_nothing(parts: BoxOffice) -> None:
    events = await happen_step_by_step(parts)
    once = await rows(parts)
    async with parts.checkpoints.transaction() as tx:
        for view in projections(parts):
            await parts.checkpoints.reset(tx, view.name, view.generation)
    assert await follow(parts) == events
    assert await rows(parts) == once
