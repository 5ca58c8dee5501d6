"""Notifications that are sent at most once, because Postgres keeps a mark of each."""

from asyncpg import Pool

from ticketing.notifications.api import Notification, Sender, Unsent

# $1 kind, $2 about
MARK = """
INSERT INTO notifications.mark (kind, about)
VALUES ($1, $2)
    ON CONFLICT DO NOTHING
RETURNING kind
"""

# $1 kind, $2 about
SENT = """
UPDATE notifications.mark
   SET sent_at = es.now()
 WHERE kind = $1 AND about = $2
"""

UNSENT = """
SELECT kind, about, marked_at
  FROM notifications.mark
 WHERE sent_at IS NULL
 ORDER BY marked_at, kind, about
"""


class PostgresNotifier:
    """A `Notifier` that commits its mark before it sends the message."""

    def __init__(self, pool: Pool, send: Sender) -> None:
        self._pool = pool
        self._send = send

    async def notify(self, notification: Notification) -> bool:
        key = (notification.kind, notification.about)
        marked: str | None = await self._pool.fetchval(MARK, *key)
        if marked is None:
            return False
        await self._send(notification)
        await self._pool.execute(SENT, *key)
        return True

    async def unsent(self) -> tuple[Unsent, ...]:
        """Return the notifications that are marked but not known to be sent, oldest first.

        Nobody sends them again. A notification that is being sent at this moment is among them.
        """
        return tuple(Unsent(**row) for row in await self._pool.fetch(UNSENT))
