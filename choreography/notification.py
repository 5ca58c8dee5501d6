"""The client is told what happened to the booking, at most once each."""

from typing import assert_never

from choreography.services import Services
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
from ticketing.booking.state import Booking
from ticketing.ids import BookingId, PaymentId, booking_stream, payment_stream
from ticketing.notifications.api import Notification, NotificationKind
from ticketing.payment.events import PaymentEvent


async def tell_of_booking(booking_id: BookingId, event: BookingEvent, by: Services) -> None:
    """Tell of the event, unless it is one that clients do not care for."""
    kind = _kind(event)
    if kind is not None:
        booking = await _booking(booking_id, by)
        assert booking is not None  # its event is in the log
        await by.notifier.notify(_about_booking(kind, booking_id, booking))


async def remind(booking_id: BookingId, by: Services) -> None:
    """Remind of the payment, unless it has come."""
    booking = await _booking(booking_id, by)
    assert booking is not None  # the view knows it
    if booking.status == "confirmed":
        await by.notifier.notify(_about_booking("payment_reminder", booking_id, booking))


async def tell_of_refund(payment_id: PaymentId, _: PaymentEvent, by: Services) -> None:
    """Tell the booking's client that the money went back; without a booking there is nobody."""
    payment = await by.payments.read(payment_stream(payment_id))
    assert payment is not None  # its event is in the log
    booking = await _booking(payment.booking_id, by)
    if booking is None:
        return
    await by.notifier.notify(
        Notification(
            kind="refunded",
            about=payment_id,
            booking_id=payment.booking_id,
            client_id=booking.client_id,
            seats=booking.seats,
            total=payment.capture and payment.capture.amount,
            reason=payment.refund_reason,
        )
    )


async def _booking(booking_id: BookingId, by: Services) -> Booking | None:
    return await by.bookings.read(booking_stream(booking_id))


def _kind(event: BookingEvent) -> NotificationKind | None:
    match event:
        case BookingConfirmed() if event.total.amount_minor > 0:  # else it is settled at once
            return "confirmed"
        case BookingDenied():
            return "denied"
        case BookingSettled():
            return "settled"
        case BookingExpired():
            return "expired"
        case BookingCancelled():
            return "cancelled"
        case BookingPlaced() | BookingConfirmed() | BookingPaid() | BookingReinstated():
            return None
    assert_never(event)


def _about_booking(kind: NotificationKind, booking_id: BookingId, booking: Booking) -> Notification:
    return Notification(
        kind=kind,
        about=booking_id,
        booking_id=booking_id,
        client_id=booking.client_id,
        seats=booking.seats,
        total=booking.total,
        expires_at=booking.expires_at if kind in ("confirmed", "payment_reminder") else None,
        reason=booking.reason,
    )
