"""Notifications without a database, for tests and simulations."""

from ticketing.notifications.api import Notification, NotificationKind, Sender


class MemoryNotifier:
    """A `Notifier` in memory."""

    def __init__(self, send: Sender) -> None:
        self._send = send
        self._marks: set[tuple[NotificationKind, str]] = set()

    async def notify(self, notification: Notification) -> bool:
        mark = (notification.kind, notification.about)
        if mark in self._marks:
            return False
        self._marks.add(mark)
        await self._send(notification)
        return True
