"""What is wrong with the business as a whole, by the tables alone."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Protocol

from ticketing.ids import BookingId, PaymentId
from ticketing.money import Money
from ticketing.payment.events import RefusalReason
from ticketing.payment_provider.api import Ledger
from ticketing.value import Value


class Finding(Value):
    """A broken promise, whom it is about, and their events: `booking-b1 2 BookingConfirmed`.

    A step under way looks broken for a moment; on a running system ask twice.
    """

    check: str  # the name of the promise
    booking_ids: tuple[str, ...] = ()  # as they are stored, and perhaps not in the form of an id
    payment_ids: tuple[str, ...] = ()
    what: str
    events: tuple[str, ...] = ()

    @property
    def promise(self) -> object:
        """Return what is broken, without the words and numbers that change from look to look."""
        return self.check, self.booking_ids, self.payment_ids

    def __str__(self) -> str:
        """Return the finding for people, in one line."""
        about = [
            *(f"booking {booking_id}" for booking_id in self.booking_ids),
            *(f"payment {payment_id}" for payment_id in self.payment_ids),
        ]
        words = ": ".join(filter(None, (self.check, ", ".join(about), self.what)))
        return f"{words} ({', '.join(self.events)})" if self.events else words


class Unfinished(Value):
    """A booking or a payment that has not ended, by the name of its stream."""

    stream: str
    status: str


class OurPayment(Value):
    """A payment as the log has it; one without an amount was reported only."""

    payment_id: PaymentId
    booking_id: BookingId
    amount: Money | None
    applied: bool
    refunded: bool
    refusal: RefusalReason | None = None


class Verification(Protocol):
    """Questions to the whole database. Each reads the whole log, so they are not for every minute.

    The answers are those of one instant.
    """

    async def verify_log(self) -> Sequence[object]:
        """Return every broken promise of the log."""
        ...

    async def verify_business(self) -> Sequence[Finding]:
        """Return every broken promise of the business."""
        ...

    async def verify_provider(self, ledger: Ledger) -> Sequence[Finding]:
        """Return where the provider's ledger and ours disagree, and what in them is unreadable.

        Read the provider's first: ours may be ahead of it.
        """
        ...

    async def unended_bookings(self) -> Sequence[BookingId]:
        """Return the bookings that are in no final state."""
        ...

    async def open_payments(self) -> Sequence[tuple[PaymentId, BookingId]]:
        """Return the payments that are neither applied, refunded nor refused, and for what."""
        ...

    async def unfinished(self, quiet: timedelta) -> Collection[Unfinished]:
        """Return the bookings and payments that have not ended, and had no event for a while."""
        ...

    async def unknown(self, streams: Collection[str]) -> Collection[str]:
        """Return those of the streams that the log does not have."""
        ...

    async def payments(self) -> Collection[PaymentId]:
        """Return every payment in the log that was not refused."""
        ...
