"""The promises of the views without a database, for tests and simulations."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from eventstore.api import StoredEvent
from ticketing.booking.events import BookingEvent, BookingStatus
from ticketing.ids import BookingId, ClientId, ConcertId
from ticketing.reservations.api import HeldSeat, Inventory
from ticketing.views.api import BookingView, SeatMapEntry, SeatState
from ticketing.views.projection import project


class MemoryBookingViews:
    """`BookingViews`, and what its projection writes."""

    def __init__(self, inventory: Inventory, clock: Callable[[], datetime]) -> None:
        self._inventory = inventory
        self._clock = clock
        self._views: dict[BookingId, BookingView] = {}

    async def booking(self, booking_id: BookingId) -> BookingView | None:
        return self._views.get(booking_id)

    async def by_client(
        self, client_id: ClientId, *, limit: int, before: BookingId | None = None
    ) -> tuple[BookingView, ...]:
        found = (view for view in self._views.values() if view.client_id == client_id)
        return self._page(found, limit, before)

    async def by_concert(
        self,
        concert_id: ConcertId,
        status: BookingStatus | None,
        *,
        limit: int,
        before: BookingId | None = None,
    ) -> tuple[BookingView, ...]:
        found = (
            view
            for view in self._views.values()
            if view.concert_id == concert_id and status in (None, view.status)
        )
        return self._page(found, limit, before)

    async def overdue(
        self, grace: timedelta = timedelta(0), *, limit: int
    ) -> tuple[BookingId, ...]:
        until = self._clock() - grace
        found = (
            (view.expires_at, view.booking_id)
            for view in self._views.values()
            if view.status == "confirmed" and view.expires_at and view.expires_at <= until
        )
        return tuple(booking_id for _, booking_id in sorted(found)[:limit])

    async def seat_map(self, concert_id: ConcertId) -> tuple[SeatMapEntry, ...]:
        return tuple(
            SeatMapEntry(
                seat=held.seat,
                price=held.price,
                state=self._state(held),
                booking_id=held.booking_id,
            )
            for held in await self._inventory.seats(concert_id)
        )

    async def project(self, stored: StoredEvent, event: BookingEvent) -> None:
        """Bring the view of the event's booking forward.

        Raises:
            DefectError: the event cannot follow what the view has seen.
        """
        booking_id = BookingId(stored.stream.partition("-")[2])
        before = self._views.get(booking_id)
        self._views[booking_id] = project(
            before, booking_id, event, stored.version, stored.recorded_at
        )

    async def clear(self) -> None:
        """Forget everything, for a rebuild."""
        self._views.clear()

    def _page(
        self, found: Iterable[BookingView], limit: int, before: BookingId | None
    ) -> tuple[BookingView, ...]:
        if before is not None:
            last = self._views.get(before)
            found = (view for view in found if last is not None and _age(view) < _age(last))
        return tuple(sorted(found, key=_age, reverse=True)[:limit])

    def _state(self, held: HeldSeat) -> SeatState:
        if held.booking_id is None:
            return "free"
        view = self._views.get(held.booking_id)
        return "sold" if view is not None and view.status == "settled" else "held"


def _age(view: BookingView) -> tuple[datetime, BookingId]:
    return view.placed_at, view.booking_id
