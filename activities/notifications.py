"""Notifications to clients, each at most once."""

from temporalio import activity

from ticketing.notifications.api import Notification, Notifier


class NotificationActivities:
    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier

    @activity.defn
    async def notify_client(self, notification: Notification) -> bool:
        return await self._notifier.notify(notification)
