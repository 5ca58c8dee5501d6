"""The promises of `BookingViews`, by every implementation; the rules are the entity's fold."""

from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import cast
from uuid import UUID

import asyncpg
import pytest

from eventstore.api import StoredEvent
from eventstore.slices import Slice, StreamId
from ticketing.booking.events import (
    BookingCancelled,
    BookingConfirmed,
    BookingDenied,
    BookingEvent,
    BookingExpired,
    BookingPaid,
    BookingPlaced,
    BookingReinstated,
    BookingSettled,
)
from ticketing.booking.state import Booking, evolve
from ticketing.errors import DefectError
from ticketing.ids import BookingId, ClientId, ConcertId, PaymentId, booking_stream
from ticketing.money import Money
from ticketing.reservations.api import Concert, PriceZone
from ticketing.reservations.memory import MemoryReservations
from ticketing.reservations.postgres import PostgresReservations
from ticketing.seats import Seat, Ticket
from ticketing.views.api import BookingView
from ticketing.views.memory import MemoryBookingViews
from ticketing.views.postgres import PostgresBookingViews

NOW = datetime.now(UTC)
MINUTE = timedelta(minutes=1)
FAR_OFF = timedelta(days=1)  # the clock goes on between the import and the test
CONCERT, ANN = ConcertId("concertA"), ClientId("ann")
B1, B2, B3 = BookingId("b1"), BookingId("b2"), BookingId("b3")
SEAT, PRICE = Seat(row=1, number=1), Money(amount_minor=500, currency="EUR")
TICKETS = (Ticket(seat=SEAT, price=PRICE),)

PLACED = BookingPlaced(client_id=ANN, concert_id=CONCERT, seats=(SEAT,))
CONFIRMED = BookingConfirmed(tickets=TICKETS, total=PRICE, expires_at=NOW + FAR_OFF)
OVERDUE = CONFIRMED.model_copy(update={"expires_at": NOW - FAR_OFF})
DENIED = BookingDenied(reason="sales_closed")
CANCELLED = BookingCancelled(reason="changed my mind", cancelled_by="client")
PAID = BookingPaid(payment_id=PaymentId("p1"), amount=PRICE)
HISTORIES: list[tuple[BookingEvent, ...]] = [
    (PLACED, DENIED),
    (PLACED, CONFIRMED, CANCELLED),
    (PLACED, CONFIRMED, PAID, BookingSettled()),
    (PLACED, CONFIRMED, BookingExpired(), BookingReinstated(tickets=TICKETS), PAID,
     BookingSettled()),
]  # fmt: skip


class MemoryStore:
    """A view with its projection, and the inventory beside it."""

    def __init__(self) -> None:
        self.inventory = self.reservations = MemoryReservations(lambda: NOW)
        self.views = MemoryBookingViews(self.inventory, lambda: NOW)
        self.project = self.views.project
        self.clear = self.views.clear


class PostgresStore:
    """The same in Postgres, each event in a transaction."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self.inventory = self.reservations = PostgresReservations(pool)
        self.views = PostgresBookingViews(pool)

    async def project(self, stored: StoredEvent, event: BookingEvent) -> None:
        async with self._pool.acquire() as tx, tx.transaction():
            await self.views.project(tx, stored, event)

    async def clear(self) -> None:
        async with self._pool.acquire() as tx, tx.transaction():
            await self.views.clear(tx)


Store = MemoryStore | PostgresStore


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryStore()
    return PostgresStore(cast(asyncpg.Pool, request.getfixturevalue("pool")))


async def happened(
    store: Store, booking_id: BookingId, *events: BookingEvent, at: datetime = NOW, first: int = 1
) -> None:
    """Project the events, a minute after one another."""
    for turn, event in enumerate(events):
        stored = StoredEvent(
            stream=StreamId(booking_stream(booking_id)),
            version=first + turn,
            slice=Slice(0),
            position=first + turn,
            type=event.type,
            schema_version=1,
            data=event.model_dump_json(exclude={"type"}),
            metadata={},
            event_id=UUID(int=first + turn),
            command_id=UUID(int=0),
            recorded_at=at + turn * MINUTE,
        )
        await store.project(stored, event)


async def seen(store: Store, booking_id: BookingId) -> BookingView:
    view = await store.views.booking(booking_id)
    assert view is not None
    return view


def ids(views: tuple[BookingView, ...]) -> list[str]:
    return [view.booking_id for view in views]


@pytest.mark.parametrize("history", HISTORIES)
async def test_fault_5_the_view_agrees_with_the_fold_after_every_event(
    store: Store, history: tuple[BookingEvent, ...]
) -> None:
    for length in range(1, len(history) + 1):
        await store.clear()
        await happened(store, B1, *history[:length])
        state: Booking | None = None
        booking = reduce(evolve, history[:length], state)
        assert booking is not None
        view = await seen(store, B1)
        same = ("status", "client_id", "concert_id", "seats", "tickets", "total", "reason")
        for name in (*same, "expires_at", "payment_id"):
            assert getattr(view, name) == getattr(booking, name), name
        assert view.version == length


async def test_the_instants_say_when_each_thing_happened(store: Store) -> None:
    await happened(store, B1, *HISTORIES[-1])
    view = await seen(store, B1)
    assert (view.placed_at, view.confirmed_at) == (NOW, NOW + MINUTE)
    assert view.settled_at == view.ended_at == NOW + 5 * MINUTE


async def test_an_event_seen_before_changes_nothing(store: Store) -> None:
    await happened(store, B1, PLACED, CONFIRMED)
    before = await seen(store, B1)
    await happened(store, B1, PLACED, at=NOW + MINUTE)
    assert await seen(store, B1) == before


async def test_an_event_that_skips_a_version_is_a_defect(store: Store) -> None:
    await happened(store, B1, PLACED)
    with pytest.raises(DefectError, match="version 3"):
        await happened(store, B1, CANCELLED, first=3)


async def test_a_clients_bookings_come_newest_first_in_pages(store: Store) -> None:
    await happened(store, B1, PLACED, at=NOW)
    await happened(store, B3, PLACED, at=NOW + MINUTE)
    await happened(store, B2, PLACED, at=NOW + MINUTE)
    by_client = store.views.by_client
    assert ids(await by_client(ANN, limit=2)) == ["b3", "b2"]
    assert ids(await by_client(ANN, limit=2, before=B2)) == ["b1"]
    assert await by_client(ANN, limit=2, before=BookingId("unknown")) == ()
    assert await by_client(ClientId("ben"), limit=2) == ()


async def test_a_concerts_bookings_can_be_asked_for_by_status(store: Store) -> None:
    await happened(store, B1, PLACED, at=NOW)
    await happened(store, B2, PLACED, DENIED, at=NOW + MINUTE)
    await happened(store, B3, PLACED, at=NOW + 2 * MINUTE)
    by_concert = store.views.by_concert
    assert ids(await by_concert(CONCERT, None, limit=9)) == ["b3", "b2", "b1"]
    assert ids(await by_concert(CONCERT, None, limit=9, before=B3)) == ["b2", "b1"]
    waiting = await by_concert(CONCERT, "awaiting_confirmation", limit=9, before=B3)
    assert ids(waiting) == ["b1"]


async def test_only_confirmed_bookings_past_their_deadline_are_overdue(store: Store) -> None:
    earlier = OVERDUE.model_copy(update={"expires_at": NOW - 3 * FAR_OFF})
    await happened(store, B1, PLACED, OVERDUE)
    await happened(store, B2, PLACED, earlier)
    await happened(store, B3, PLACED, CONFIRMED)
    await happened(store, BookingId("b4"), PLACED, OVERDUE, BookingExpired())
    assert await store.views.overdue(limit=9) == ("b2", "b1")
    assert await store.views.overdue(limit=1) == ("b2",)
    assert await store.views.overdue(2 * FAR_OFF, limit=9) == ("b2",)


async def test_the_seat_map_shows_free_held_and_sold(store: Store) -> None:
    zone = PriceZone(first_row=1, last_row=1, seats_per_row=3, price=PRICE)
    concert = Concert(
        concert_id=CONCERT,
        title="Chamber music",
        starts_at=NOW,
        currency="EUR",
        hold=None,
        zones=(zone,),
    )
    await store.inventory.add_concert(concert)
    await store.reservations.reserve(B1, 1, CONCERT, (SEAT,))
    await store.reservations.reserve(B2, 1, CONCERT, (Seat(row=1, number=2),))
    await happened(store, B1, PLACED, CONFIRMED, PAID, BookingSettled())
    entries = await store.views.seat_map(CONCERT)
    assert [(one.state, one.booking_id) for one in entries] == [
        ("sold", "b1"),
        ("held", "b2"),
        ("free", None),
    ]


async def test_a_cleared_view_is_empty(store: Store) -> None:
    await happened(store, B1, PLACED)
    await store.clear()
    assert await store.views.booking(B1) is None
