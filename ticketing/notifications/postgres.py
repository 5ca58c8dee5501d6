"""At most once by a mark in Postgres, in the schema `notifications`."""

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
    """`Notifier`; the mark is committed before the message is sent."""

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
        """What failed or was cut off while it was sent, oldest first; it is not sent again.

        What is being sent at this moment is among it.
        """
        return tuple(Unsent(**row) for row in await self._pool.fetch(UNSENT))
