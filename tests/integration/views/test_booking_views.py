"""What the view of bookings shows; its rules are those of the entity's fold."""

from datetime import UTC, datetime, timedelta
from functools import reduce

import asyncpg
import pytest

from eventstore.api import StoredEvent
from eventstore.errors import DefectError
from tests.support import controls
from tests.support.builders import concert
from tests.support.controls import (
    ADA,
    BOOKINGS,
    CANCELLED,
    DENIED,
    EXPIRED,
    MOONLIGHT,
    PAID,
    PLACED,
    PRICE,
    REINSTATED_BOOKING,
    SETTLED,
)
from tests.support.log import stored
from ticketing.booking.events import BookingEvent
from ticketing.booking.state import Booking, evolve
from ticketing.command_handler import BOOKING_CODEC
from ticketing.ids import BookingId, ClientId, booking_stream
from ticketing.reservations.postgres import PostgresReservations
from ticketing.seats import Seat
from ticketing.views.api import BookingView
from ticketing.views.postgres import PostgresBookingViews

NOW = datetime.now(UTC)
MINUTE = timedelta(minutes=1)
FAR_OFF = timedelta(days=1)  # the clock goes on between the import and the test
B1, B2, B3 = BookingId("b1"), BookingId("b2"), BookingId("b3")
CONFIRMED = controls.CONFIRMED.model_copy(update={"expires_at": NOW + FAR_OFF})
OVERDUE = CONFIRMED.model_copy(update={"expires_at": NOW - FAR_OFF})
HISTORIES = (*BOOKINGS.values(), REINSTATED_BOOKING)


class Views:
    """The view with its projection, each event in a transaction of its own."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self.read = PostgresBookingViews(pool)

    async def project(self, stored: StoredEvent, event: BookingEvent) -> None:
        async with self._pool.acquire() as tx, tx.transaction():
            await self.read.project(tx, stored, event)

    async def clear(self) -> None:
        async with self._pool.acquire() as tx, tx.transaction():
            await self.read.clear(tx)


@pytest.fixture
def views(pool: asyncpg.Pool) -> Views:
    return Views(pool)


async def happened(
    views: Views, booking_id: BookingId, *events: BookingEvent, at: datetime = NOW, first: int = 1
) -> None:
    """Project the events, a minute after one another."""
    for turn, event in enumerate(events):
        of, version = booking_stream(booking_id), first + turn
        recorded = stored(BOOKING_CODEC.encode(event), of, version, recorded_at=at + turn * MINUTE)
        await views.project(recorded, event)


async def seen(views: Views, booking_id: BookingId) -> BookingView:
    view = await views.read.booking(booking_id)
    assert view is not None
    return view


def ids(views: tuple[BookingView, ...]) -> list[str]:
    return [view.booking_id for view in views]


@pytest.mark.parametrize("history", HISTORIES)
async def test_fault_5_the_view_agrees_with_the_fold_after_every_event(
    views: Views, history: tuple[BookingEvent, ...]
) -> None:
    for length in range(1, len(history) + 1):
        await views.clear()
        await happened(views, B1, *history[:length])
        state: Booking | None = None
        booking = reduce(evolve, history[:length], state)
        assert booking is not None
        view = await seen(views, B1)
        same = ("status", "client_id", "concert_id", "seats", "tickets", "total", "reason")
        for name in (*same, "expires_at", "payment_id"):
            assert getattr(view, name) == getattr(booking, name), name
        assert view.version == length


async def test_the_instants_say_when_each_thing_happened(views: Views) -> None:
    await happened(views, B1, *REINSTATED_BOOKING)
    view = await seen(views, B1)
    assert (view.placed_at, view.confirmed_at) == (NOW, NOW + MINUTE)
    assert view.settled_at == view.ended_at == NOW + 5 * MINUTE


async def test_an_event_seen_before_changes_nothing(views: Views) -> None:
    await happened(views, B1, PLACED, CONFIRMED)
    before = await seen(views, B1)
    await happened(views, B1, PLACED, at=NOW + MINUTE)
    assert await seen(views, B1) == before


async def test_an_event_that_skips_a_version_is_a_defect(views: Views) -> None:
    await happened(views, B1, PLACED)
    with pytest.raises(DefectError, match="version 3"):
        await happened(views, B1, CANCELLED, first=3)


async def test_a_clients_bookings_come_newest_first_in_pages(views: Views) -> None:
    await happened(views, B1, PLACED, at=NOW)
    await happened(views, B3, PLACED, at=NOW + MINUTE)
    await happened(views, B2, PLACED, at=NOW + MINUTE)
    by_client = views.read.by_client
    assert ids(await by_client(ADA, limit=2)) == ["b3", "b2"]
    assert ids(await by_client(ADA, limit=2, before=B2)) == ["b1"]
    assert await by_client(ADA, limit=2, before=BookingId("unknown")) == ()
    assert await by_client(ClientId("ben"), limit=2) == ()


async def test_a_concerts_bookings_can_be_asked_for_by_status(views: Views) -> None:
    await happened(views, B1, PLACED, at=NOW)
    await happened(views, B2, PLACED, DENIED, at=NOW + MINUTE)
    await happened(views, B3, PLACED, at=NOW + 2 * MINUTE)
    by_concert = views.read.by_concert
    assert ids(await by_concert(MOONLIGHT, None, limit=9)) == ["b3", "b2", "b1"]
    assert ids(await by_concert(MOONLIGHT, None, limit=9, before=B3)) == ["b2", "b1"]
    waiting = await by_concert(MOONLIGHT, "awaiting_confirmation", limit=9, before=B3)
    assert ids(waiting) == ["b1"]


async def test_only_confirmed_bookings_past_their_deadline_are_overdue(views: Views) -> None:
    earlier = OVERDUE.model_copy(update={"expires_at": NOW - 3 * FAR_OFF})
    await happened(views, B1, PLACED, OVERDUE)
    await happened(views, B2, PLACED, earlier)
    await happened(views, B3, PLACED, CONFIRMED)
    await happened(views, BookingId("b4"), PLACED, OVERDUE, EXPIRED)
    assert await views.read.overdue(limit=9) == ("b2", "b1")
    assert await views.read.overdue(limit=1) == ("b2",)
    assert await views.read.overdue(2 * FAR_OFF, limit=9) == ("b2",)


async def test_the_seat_map_shows_free_held_and_sold(views: Views, pool: asyncpg.Pool) -> None:
    reservations = PostgresReservations(pool)
    await reservations.add_concert(concert(MOONLIGHT, PRICE, None, rows=1, seats=3))
    for number, booking_id in enumerate((B1, B2), start=1):
        seats = (Seat(row=1, number=number),)
        await reservations.reserve(booking_id, 1, MOONLIGHT, seats)
    await happened(views, B1, PLACED, CONFIRMED, PAID, SETTLED)
    entries = await views.read.seat_map(MOONLIGHT)
    assert [(one.state, one.booking_id) for one in entries] == [
        ("sold", "b1"),
        ("held", "b2"),
        ("free", None),
    ]


async def test_a_cleared_view_is_empty(views: Views) -> None:
    await happened(views, B1, PLACED)
    await views.clear()
    assert await views.read.booking(B1) is None
