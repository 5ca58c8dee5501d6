"""An event changes the row of its entity by the rules of the entity's own fold."""

from datetime import datetime

from eventstore.errors import DefectError
from ticketing.booking.events import BookingEvent
from ticketing.booking.state import WITHOUT_SEATS, Booking, evolve
from ticketing.ids import BookingId, PaymentId
from ticketing.payment.events import (
    PaymentEvent,
    PaymentReceived,
    PaymentRefunded,
    PaymentRefundRequested,
    PaymentRefused,
    PaymentReported,
)
from ticketing.payment.state import status_after
from ticketing.views.api import BookingView, PaymentView

_ENDED = WITHOUT_SEATS | {"settled"}


def project(
    view: BookingView | None,
    booking_id: BookingId,
    event: BookingEvent,
    version: int,
    recorded_at: datetime,
) -> BookingView:
    """Return the row after the event; a row that has seen the version already stays the same.

    Raises:
        DefectError: a version between the row and the event is missing.
        ImpossibleTransition: the event cannot follow the row's state.
    """
    if view is not None and version <= view.version:
        return view
    _follows(view.version if view else 0, booking_id, event.type, version)
    booking = evolve(_booking(view) if view else None, event)
    # The first confirmation counts: a reinstated booking is confirmed again only for a moment.
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


def project_payment(
    view: PaymentView | None,
    payment_id: PaymentId,
    event: PaymentEvent,
    version: int,
    recorded_at: datetime,
) -> PaymentView:
    """Return the row of a payment after the event, as `project` does for a booking."""
    if view is not None and version <= view.version:
        return view
    _follows(view.version if view else 0, payment_id, event.type, version)
    status = status_after(view.status if view else None, event)
    ended_at = recorded_at if status in ("applied", "refunded", "refused") else None
    if isinstance(event, (PaymentReported, PaymentRefused, PaymentReceived)):
        received = event if isinstance(event, PaymentReceived) else None
        return PaymentView(
            payment_id=payment_id,
            booking_id=event.booking_id,
            payer=received and received.payer,
            amount=received and received.amount,
            status=status,
            refusal=event.reason if isinstance(event, PaymentRefused) else None,
            received_at=recorded_at,
            ended_at=ended_at,
            version=version,
        )
    assert view is not None  # the others follow a PaymentReceived
    changed: dict[str, object] = {"status": status, "ended_at": ended_at, "version": version}
    if isinstance(event, PaymentRefundRequested):
        changed["refund_reason"] = event.reason
    elif isinstance(event, PaymentRefunded):
        changed["refund_ref"] = event.refund_ref
    return view.model_copy(update=changed)


def _follows(seen: int, identity: str, event_type: str, version: int) -> None:
    if version > seen + 1:
        raise DefectError(f"{identity}: {event_type} is version {version}, the view at {seen}")


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
