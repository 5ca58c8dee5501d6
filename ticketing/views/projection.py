"""From a booking's events to its row. The rules are those of the entity's own fold."""

from datetime import datetime

from ticketing.booking.events import BookingEvent
from ticketing.booking.state import Booking, BookingStatus, evolve
from ticketing.errors import DefectError
from ticketing.ids import BookingId
from ticketing.views.api import BookingView

_ENDED: frozenset[BookingStatus] = frozenset({"denied", "cancelled", "expired", "settled"})


def project(
    view: BookingView | None,
    booking_id: BookingId,
    event: BookingEvent,
    version: int,
    recorded_at: datetime,
) -> BookingView:
    """The row after the event; the same row if it has seen this version already.

    Raises:
        DefectError: a version between the row and the event is missing.
        ImpossibleTransition: the event cannot follow the row's state.
    """
    seen = view.version if view else 0
    if view is not None and version <= seen:
        return view
    if version > seen + 1:
        raise DefectError(f"{booking_id}: {event.type} is version {version}, the view at {seen}")
    booking = evolve(_booking(view) if view else None, event)
    # The first confirmation counts: a reinstated booking is confirmed again for a moment only.
    confirmed_at = view.confirmed_at if view else None
    if confirmed_at is None and booking.status == "confirmed":
        confirmed_at = recorded_at
    return BookingView(
        booking_id=booking_id,
        client_id=booking.client_id,
        concert_id=booking.concert_id,
        seats=booking.seats,
        tickets=booking.tickets,
        total=booking.total,
        status=booking.status,
        reason=booking.reason,
        placed_at=view.placed_at if view else recorded_at,
        confirmed_at=confirmed_at,
        expires_at=booking.expires_at,
        settled_at=recorded_at if booking.status == "settled" else None,
        ended_at=recorded_at if booking.status in _ENDED else None,
        payment_id=booking.payment_id,
        version=version,
    )


def _booking(view: BookingView) -> Booking:
    return Booking(
        status=view.status,
        client_id=view.client_id,
        concert_id=view.concert_id,
        seats=view.seats,
        tickets=view.tickets,
        total=view.total,
        expires_at=view.expires_at,
        payment_id=view.payment_id,
        reason=view.reason,
    )
