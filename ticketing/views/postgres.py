"""The views in Postgres, in the schema `views`."""

from collections.abc import Sequence
from datetime import timedelta

from asyncpg import Connection, Pool, Record
from asyncpg.pool import PoolConnectionProxy

from eventstore.api import StoredEvent
from ticketing.booking.events import BookingEvent, BookingStatus
from ticketing.ids import BookingId, ClientId, ConcertId, booking_of, payment_of
from ticketing.money import Money
from ticketing.payment.events import PaymentEvent
from ticketing.payment.state import PaymentStatus
from ticketing.seats import Seat
from ticketing.views.api import BookingView, PaymentView, SeatMapEntry, WaitingPayment
from ticketing.views.projection import project, project_payment

# $1 booking
BOOKING = "SELECT to_jsonb(b) AS view FROM views.booking b WHERE b.booking_id = $1"

# $2 limit, $3 before
_page_of = """
SELECT to_jsonb(b) AS view
  FROM views.booking b
 WHERE {condition}
   AND (b.placed_at, b.booking_id) < (
         CASE WHEN $3::text IS NULL THEN 'infinity'
              ELSE (SELECT placed_at FROM views.booking WHERE booking_id = $3) END,
         coalesce($3, ''))
 ORDER BY b.placed_at DESC, b.booking_id DESC
 LIMIT $2
""".format

# $1 client or concert, $4 status
BY_CLIENT = _page_of(condition="b.client_id = $1")
BY_CONCERT = _page_of(condition="b.concert_id = $1")
BY_CONCERT_AND_STATUS = _page_of(condition="b.concert_id = $1 AND b.status = $4")

# The clock is read once, in a subquery: a volatile function in the condition rules out the index.
# $1 grace, $2 limit
OVERDUE = """
SELECT b.booking_id
  FROM views.booking b
 WHERE b.status = 'confirmed'
   AND b.expires_at <= (SELECT es.now() - $1::interval)
 ORDER BY b.expires_at, b.booking_id
 LIMIT $2
"""

# $1 age, $2 limit
UNCONFIRMED = """
SELECT b.booking_id
  FROM views.booking b
 WHERE b.status = 'awaiting_confirmation'
   AND b.placed_at <= (SELECT es.now() - $1::interval)
 ORDER BY b.placed_at
 LIMIT $2
"""

# $1 before the deadline, $2 limit
TO_REMIND = """
SELECT b.booking_id
  FROM views.booking b
 WHERE b.status = 'confirmed'
   AND b.expires_at > (SELECT es.now())
   AND b.expires_at <= (SELECT es.now() + $1::interval)
   AND b.confirmed_at < b.expires_at - $1::interval
   AND NOT EXISTS (
         SELECT FROM notifications.mark m
          WHERE (m.kind, m.about) = ('payment_reminder', b.booking_id))
 ORDER BY b.expires_at
 LIMIT $2
"""

# $1 concert
SEAT_MAP = """
SELECT s.seat_row, s.seat_number, s.price_minor, c.currency, h.booking_id,
       CASE WHEN h.booking_id IS NULL THEN 'free'
            WHEN b.status = 'settled' THEN 'sold'
            ELSE 'held' END AS state
  FROM reservations.seat s
  JOIN reservations.concert c USING (concert_id)
  LEFT JOIN reservations.hold h USING (concert_id, seat_row, seat_number)
  LEFT JOIN views.booking b ON b.booking_id = h.booking_id
 WHERE s.concert_id = $1
 ORDER BY s.seat_row, s.seat_number
"""

# Stripped, because a JSON null in a jsonb column is not NULL.
# $1 the view as JSON
PUT = """
INSERT INTO views.booking AS b
       (booking_id, client_id, concert_id, seats, tickets, total, status, reason, placed_at,
        confirmed_at, expires_at, settled_at, ended_at, payment_id, version)
SELECT booking_id, client_id, concert_id, seats, tickets, total, status, reason, placed_at,
       confirmed_at, expires_at, settled_at, ended_at, payment_id, version
  FROM jsonb_populate_record(NULL::views.booking, jsonb_strip_nulls($1::jsonb))
    ON CONFLICT (booking_id) DO UPDATE
   SET tickets = excluded.tickets, total = excluded.total, status = excluded.status,
       reason = excluded.reason, confirmed_at = excluded.confirmed_at,
       expires_at = excluded.expires_at, settled_at = excluded.settled_at,
       ended_at = excluded.ended_at, payment_id = excluded.payment_id, version = excluded.version
 WHERE b.version < excluded.version
"""

CLEAR_SECONDS = 600.0  # for a million rows 5 s, the pool's patience, may not be enough
CLEAR = "DELETE FROM views.booking"  # not TRUNCATE, which would keep readers waiting

# $1 payment
PAYMENT = "SELECT to_jsonb(p) AS view FROM views.payment p WHERE p.payment_id = $1"

# $1 bookings
PAYMENTS_OF = """
SELECT to_jsonb(p) AS view
  FROM views.payment p
 WHERE p.booking_id = ANY ($1)
 ORDER BY p.booking_id, p.received_at, p.payment_id
"""

# $1 status, $2 limit
UNDER_WAY = """
SELECT p.payment_id, es.now() - p.received_at AS waited
  FROM views.payment p
 WHERE p.ended_at IS NULL
   AND p.status = $1
 ORDER BY p.received_at
 LIMIT $2
"""

# $1 the view as JSON
PUT_PAYMENT = """
INSERT INTO views.payment AS p
       (payment_id, booking_id, payer, amount, status, refusal, refund_reason, refund_ref,
        received_at, ended_at, version)
SELECT payment_id, booking_id, payer, amount, status, refusal, refund_reason, refund_ref,
       received_at, ended_at, version
  FROM jsonb_populate_record(NULL::views.payment, jsonb_strip_nulls($1::jsonb))
    ON CONFLICT (payment_id) DO UPDATE
   SET booking_id = excluded.booking_id, payer = excluded.payer, amount = excluded.amount,
       status = excluded.status, refusal = excluded.refusal,
       refund_reason = excluded.refund_reason, refund_ref = excluded.refund_ref,
       received_at = excluded.received_at, ended_at = excluded.ended_at, version = excluded.version
 WHERE p.version < excluded.version
"""

CLEAR_PAYMENTS = "DELETE FROM views.payment"


class PostgresBookingViews:
    """The view of bookings, and what its projection writes.

    Lists are pages: newest first, `before` is the last id of the page before.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def booking(self, booking_id: BookingId) -> BookingView | None:
        """Return the row of a booking."""
        row = await self._pool.fetchrow(BOOKING, booking_id)
        return _view(row) if row else None

    async def by_client(
        self, client_id: ClientId, *, limit: int, before: BookingId | None = None
    ) -> tuple[BookingView, ...]:
        """Return a client's bookings, newest first."""
        return tuple(map(_view, await self._pool.fetch(BY_CLIENT, client_id, limit, before)))

    async def by_concert(
        self,
        concert_id: ConcertId,
        status: BookingStatus | None,
        *,
        limit: int,
        before: BookingId | None = None,
    ) -> tuple[BookingView, ...]:
        """Return a concert's bookings, in any status or in one, newest first."""
        if status is None:
            rows = await self._pool.fetch(BY_CONCERT, concert_id, limit, before)
        else:
            rows = await self._pool.fetch(BY_CONCERT_AND_STATUS, concert_id, limit, before, status)
        return tuple(map(_view, rows))

    async def overdue(
        self, grace: timedelta = timedelta(0), *, limit: int
    ) -> tuple[BookingId, ...]:
        return _ids(await self._pool.fetch(OVERDUE, grace, limit))

    async def unconfirmed(self, older_than: timedelta, *, limit: int) -> tuple[BookingId, ...]:
        return _ids(await self._pool.fetch(UNCONFIRMED, older_than, limit))

    async def to_remind(self, before: timedelta, *, limit: int) -> tuple[BookingId, ...]:
        return _ids(await self._pool.fetch(TO_REMIND, before, limit))

    async def seat_map(self, concert_id: ConcertId) -> tuple[SeatMapEntry, ...]:
        """Return every seat of a concert in order: free, held or sold."""
        return tuple(
            SeatMapEntry(
                seat=Seat(row=row["seat_row"], number=row["seat_number"]),
                price=Money(amount_minor=row["price_minor"], currency=row["currency"]),
                state=row["state"],
                booking_id=row["booking_id"],
            )
            for row in await self._pool.fetch(SEAT_MAP, concert_id)
        )

    async def project(
        self, tx: Connection | PoolConnectionProxy, stored: StoredEvent, event: BookingEvent
    ) -> None:
        """Bring the row of the event's booking forward, in the transaction of the checkpoint.

        Raises:
            DefectError: the event cannot follow what the row has seen.
        """
        booking_id = booking_of(stored.stream)
        row = await tx.fetchrow(BOOKING, booking_id)
        before = _view(row) if row else None
        view = project(before, booking_id, event, stored.version, stored.recorded_at)
        await tx.execute(PUT, view.model_dump_json())

    async def clear(self, tx: Connection | PoolConnectionProxy) -> None:
        """Empty the view, for a rebuild in the same transaction as the checkpoints' reset."""
        await tx.execute(CLEAR, timeout=CLEAR_SECONDS)


class PostgresPaymentViews:
    """The view of payments, and what its projection writes."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of_bookings(self, booking_ids: Sequence[BookingId]) -> tuple[PaymentView, ...]:
        """Return the payments of some bookings: by booking, then by arrival."""
        return tuple(map(_payment_view, await self._pool.fetch(PAYMENTS_OF, list(booking_ids))))

    async def under_way(self, status: PaymentStatus, *, limit: int) -> tuple[WaitingPayment, ...]:
        rows = await self._pool.fetch(UNDER_WAY, status, limit)
        return tuple(WaitingPayment.model_validate(dict(row)) for row in rows)

    async def project(
        self, tx: Connection | PoolConnectionProxy, stored: StoredEvent, event: PaymentEvent
    ) -> None:
        """Bring the row of the event's payment forward, as the other view does."""
        payment_id = payment_of(stored.stream)
        row = await tx.fetchrow(PAYMENT, payment_id)
        before = _payment_view(row) if row else None
        view = project_payment(before, payment_id, event, stored.version, stored.recorded_at)
        await tx.execute(PUT_PAYMENT, view.model_dump_json())

    async def clear(self, tx: Connection | PoolConnectionProxy) -> None:
        await tx.execute(CLEAR_PAYMENTS, timeout=CLEAR_SECONDS)


def _payment_view(row: Record) -> PaymentView:
    return PaymentView.model_validate_json(row["view"])


def _ids(rows: Sequence[Record]) -> tuple[BookingId, ...]:
    return tuple(row["booking_id"] for row in rows)


def _view(row: Record) -> BookingView:
    return BookingView.model_validate_json(row["view"])
