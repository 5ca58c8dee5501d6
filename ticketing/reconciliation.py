"""Finds what is wrong, and what was left undone, here and at the payment provider.

What was left undone is returned as the commands that it came from, to give each a process again.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from eventstore.errors import TransientError
from ticketing.booking.commands import PlaceBooking
from ticketing.command_handler import BookingHandler
from ticketing.ids import BookingId, booking_stream
from ticketing.payment.commands import ReportPayment
from ticketing.payment_provider.api import Ledger, PaymentProvider
from ticketing.verification.api import Finding, Verification

UNREAD = "server_unread"  # the name of the promise to verify everything

T = TypeVar("T")

# Runs a block that reads what is named; without one of the caller's, the first error ends all.
Naming = Callable[[str], AbstractContextManager[object]]


async def verify_all(
    verification: Verification,
    provider: PaymentProvider,
    processes: Callable[[], Awaitable[Sequence[Finding]]] | None = None,
) -> list[Finding]:
    """Return every broken promise of the log, the business, the provider and the processes.

    A server that does not answer is a finding as well.

    Raises:
        TransientError: a server does not answer, and nothing else is wrong.
    """
    unread: list[TransientError] = []
    ledger = await _answer(provider.ledger, unread)  # before ours, which may be ahead of it
    log = [Finding(check="log", what=str(broken)) for broken in await verification.verify_log()]
    findings = [*log, *await verification.verify_business()]
    if ledger is not None:
        findings += await verification.verify_provider(ledger)
    if processes is not None:
        findings += await _answer(processes, unread) or ()
    if unread and not findings:
        raise unread[0]
    return [*findings, *(Finding(check=UNREAD, what=str(error)) for error in unread)]


async def _answer(ask: Callable[[], Awaitable[T]], unread: list[TransientError]) -> T | None:
    try:
        return await ask()
    except TransientError as error:
        unread.append(error)
        return None


async def unreported_captures(verification: Verification, ledger: Ledger) -> list[ReportPayment]:
    """Return what the provider captured and still has, and no webhook told us of.

    A payment that was refused, because the provider did not know it then, is among them.
    """
    known = await verification.payments()
    return [
        captured.report()
        for captured in ledger.payments
        if captured.payment_id not in known and captured.refund_ref is None
    ]


async def unended_bookings(
    verification: Verification, bookings: BookingHandler, naming: Naming = nullcontext
) -> list[PlaceBooking]:
    """Return the bookings that are in no final state."""
    unended: list[PlaceBooking] = []
    for booking_id in await verification.unended_bookings():
        with naming(f"booking {booking_id!r}"):
            unended.append(await _placed(booking_id, bookings))
    return unended


async def _placed(booking_id: BookingId, bookings: BookingHandler) -> PlaceBooking:
    booking = await bookings.read(booking_stream(booking_id))
    assert booking is not None  # its id came from the log
    return PlaceBooking(
        booking_id=booking_id,
        client_id=booking.client_id,
        concert_id=booking.concert_id,
        seats=booking.seats,
    )


async def open_payments(
    verification: Verification, naming: Naming = nullcontext
) -> list[ReportPayment]:
    """Return the payments that are neither applied, refunded nor refused."""
    unfinished: list[ReportPayment] = []
    for payment_id, booking_id in await verification.open_payments():
        with naming(f"payment {payment_id!r}"):
            unfinished.append(ReportPayment(payment_id=payment_id, booking_id=booking_id))
    return unfinished
