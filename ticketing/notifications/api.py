"""Notifications to clients: each is sent at most once.

Contract suite: tests/contract/notifications/.
"""

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
    """One message to one client; `kind` and `about`, a booking or payment id, are its key."""

    kind: NotificationKind
    about: str
    booking_id: BookingId
    client_id: ClientId
    seats: tuple[Seat, ...] = ()
    total: Money | None = None
    expires_at: AwareDatetime | None = None
    reason: str | None = None


class Unsent(Value):
    """A notification that was marked as sent, although nobody knows that it was."""

    kind: NotificationKind
    about: str
    marked_at: AwareDatetime


Sender = Callable[[Notification], Awaitable[None]]  # hands one message to a mail server, or raises


class Notifier(Protocol):
    async def notify(self, notification: Notification) -> bool:
        """Mark the notification, then try once to send it; return whether it was sent now."""
        ...
