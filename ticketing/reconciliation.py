"""Finds what is wrong, and what was left undone, here and at the payment provider.

What was left undone is returned as the commands that it came from, to give each a process again.
"""

from eventstore.errors import TransientError
from ticketing.booking.commands import PlaceBooking
from ticketing.command_handler import BookingHandler
from ticketing.ids import BookingId, booking_stream
from ticketing.payment.commands import ReportPayment
from ticketing.payment_provider.api import PaymentProvider
from ticketing.verification.api import Verification


async def verify_all(verification: Verification, provider: PaymentProvider) -> list[str]:
    """Return every broken promise of the log, the business and the provider, a line each.

    Raises:
        TransientError: nothing is wrong here, but the provider's ledger cannot be read.
    """
    try:
        ledger = await provider.ledger()  # before ours, which may be ahead of it
    except TransientError as unread:
        if findings := await _verify_ours(verification):
            return [*findings, str(unread)]
        raise
    return [
        *await _verify_ours(verification),
        *map(str, await verification.verify_provider(ledger)),
    ]


async def _verify_ours(verification: Verification) -> list[str]:
    findings = *await verification.verify_log(), *await verification.verify_business()
    return list(map(str, findings))


async def unreported_captures(
    verification: Verification, provider: PaymentProvider
) -> list[ReportPayment]:
    """Return what the provider captured and still has, and no webhook told us of.

    A payment that was refused, because the provider did not know it then, is among them.

    Raises:
        TransientError: the provider's ledger cannot be read.
    """
    ledger = await provider.ledger()
    payments = await verification.payments()
    known = {payment.payment_id for payment in payments if not payment.refusal}
    return [
        captured.report()
        for captured in ledger
        if captured.payment_id not in known and captured.refund_ref is None
    ]


async def unended_bookings(
    verification: Verification, bookings: BookingHandler
) -> list[PlaceBooking]:
    """Return the bookings that are in no final state."""
    ids = await verification.unended_bookings()
    return [await _placed(booking_id, bookings) for booking_id in ids]


async def _placed(booking_id: BookingId, bookings: BookingHandler) -> PlaceBooking:
    booking = await bookings.read(booking_stream(booking_id))
    assert booking is not None  # its id came from the log
    return PlaceBooking(
        booking_id=booking_id,
        client_id=booking.client_id,
        concert_id=booking.concert_id,
        seats=booking.seats,
    )


async def open_payments(verification: Verification) -> list[ReportPayment]:
    """Return the payments that are neither applied, refunded nor refused."""
    return [
        ReportPayment(payment_id=payment.payment_id, booking_id=payment.booking_id)
        for payment in await verification.payments()
        if payment.is_open
    ]
