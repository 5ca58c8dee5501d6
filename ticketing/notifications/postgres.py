"""At most once by a mark in Postgres, in the schema `notifications`."""

from asyncpg import Pool

from ticketing.notifications.api import Notification, Sender

# $1 kind, $2 about
MARK = """
INSERT INTO notifications.mark (kind, about)
VALUES ($1, $2)
    ON CONFLICT DO NOTHING
RETURNING kind
"""


class PostgresNotifier:
    """`Notifier`; the mark is committed before the message is sent."""

    def __init__(self, pool: Pool, send: Sender) -> None:
        self._pool = pool
        self._send = send

    async def notify(self, notification: Notification) -> bool:
        marked: str | None = await self._pool.fetchval(MARK, notification.kind, notification.about)
        if marked is None:
            return False
        await self._send(notification)
        return True
