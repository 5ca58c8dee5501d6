"""Telling the client, at most once each. Contract suite: tests/contract/notifications/."""

from collections.abc import Awaitable, Callable
from typing import Literal, Protocol

from pydantic import AwareDatetime

from ticketing.ids import BookingId, ClientId
from ticketing.money import Money
from ticketing.seats import Seat
from ticketing.value import Value

NotificationKind = Literal[
    "confirmed", "denied", "payment_reminder", "settled", "expired", "cancelled", "refunded"
]


class Notification(Value):
    """One message to one client. `about` is the booking or payment id: with `kind`, the key."""

    kind: NotificationKind
    about: str
    booking_id: BookingId
    client_id: ClientId
    seats: tuple[Seat, ...] = ()
    total: Money | None = None
    expires_at: AwareDatetime | None = None
    reason: str | None = None


class Unsent(Value):
    """A notification that was marked, and is not known to have been sent."""

    kind: NotificationKind
    about: str
    marked_at: AwareDatetime


Sender = Callable[[Notification], Awaitable[None]]  # hands one message on, or raises


class Notifier(Protocol):
    async def notify(self, notification: Notification) -> bool:
        """Tell the client, once: marked before it is sent, one attempt. True if it was sent now."""
        ...
