"""The inbox of the provider's notices in Postgres, in the schema `payments`."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

from asyncpg import Connection, Pool

from eventstore.api import EventStore
from ticketing.ids import PaymentId
from ticketing.payment_provider.notices import RETURNS, Notice, Stored

# This waits for the end of another transaction that stores the same id.
# $1 notice_id, $2 type, $3 payment_id, $4 content
STORE = """
INSERT INTO payments.notice (notice_id, type, payment_id, content)
VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING
RETURNING notice_id
"""

# $1 notice_id, $2 content
IS_SAME = "SELECT content = $2 FROM payments.notice WHERE notice_id = $1"

# $1 payment_id, $2 types
HAS_RETURN = "SELECT EXISTS (SELECT FROM payments.notice WHERE payment_id = $1 AND type = ANY ($2))"


class PostgresNoticeInbox:
    """A `NoticeInbox`, and its `ReturnNotices`.

    `log_in` makes the store of events that appends in a transaction.
    """

    def __init__(self, pool: Pool, log_in: Callable[[Connection], EventStore]) -> None:
        self._pool = pool
        self._log_in = log_in

    @asynccontextmanager
    async def storing(self, notice: Notice) -> AsyncIterator[tuple[Stored, EventStore]]:
        # `es.append` demands this level, and `IS_SAME` must see the row that `STORE` waited for.
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="read_committed"),
        ):
            # A pool hands out a proxy that has every method of Connection.
            tx = cast(Connection, connection)
            yield await store(tx, notice), self._log_in(tx)

    async def has_return(self, payment_id: PaymentId) -> bool:
        found: bool = await self._pool.fetchval(HAS_RETURN, payment_id, RETURNS)
        return found


async def store(tx: Connection, notice: Notice) -> Stored:
    content = notice.model_dump_json()
    new: str | None = await tx.fetchval(
        STORE, notice.notice_id, notice.type, notice.payment.payment_id, content
    )
    if new is not None:
        return "stored"
    same: bool = await tx.fetchval(IS_SAME, notice.notice_id, content)
    return "known" if same else "notice_differs"
