"""The promises are checked over the whole database, by SQL and not by the rules themselves."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import chain

from asyncpg import DataError, Pool
from asyncpg.pool import PoolConnectionProxy
from pydantic import ValidationError

from eventstore.slices import StreamId
from ticketing.ids import BookingId, PaymentId, booking_stream, payment_stream
from ticketing.payment_provider.api import Ledger
from ticketing.verification.api import Finding, OurPayment, Unfinished
from ticketing.verification.provider import reconcile
from ticketing.views.api import BOOKING_PROJECTION

PATIENCE_SECONDS = 600.0  # what reads the whole log; the pool is less patient

UNENDED = """
SELECT booking_id
  FROM verification.booking
 WHERE status IN ('awaiting_confirmation', 'confirmed')
 ORDER BY booking_id
"""

OPEN_PAYMENTS = """
SELECT payment_id, booking_id
  FROM verification.payment
 WHERE NOT applied AND NOT refunded AND refusal IS NULL
 ORDER BY payment_id
"""

# $1 quiet
UNFINISHED = """
SELECT o.stream_id AS stream, o.status
  FROM (SELECT 'booking-' || booking_id AS stream_id, status
          FROM verification.booking
         WHERE status IN ('awaiting_confirmation', 'confirmed')
         UNION ALL
        SELECT 'payment-' || payment_id,
               CASE WHEN refund_requested THEN 'refund_requested'
                    WHEN amount IS NULL THEN 'reported' ELSE 'received' END
          FROM verification.payment
         WHERE NOT applied AND NOT refunded AND refusal IS NULL) AS o
 WHERE NOT EXISTS (
         SELECT
           FROM es.event AS e
          WHERE e.stream_id = o.stream_id AND e.recorded_at > es.now() - $1::interval)
 ORDER BY o.stream_id
"""

# $1 streams
UNKNOWN = """
SELECT s.stream_id
  FROM unnest($1::text[]) AS s (stream_id)
 WHERE NOT EXISTS (SELECT FROM es.event AS e WHERE e.stream_id = s.stream_id)
"""

PAYMENT_IDS = "SELECT payment_id FROM verification.payment WHERE refusal IS NULL"

PAYMENTS = """
SELECT payment_id,
       jsonb_build_object('payment_id', payment_id, 'booking_id', booking_id, 'amount', amount,
                          'applied', applied, 'refunded', refunded, 'refusal', refusal) AS payment
  FROM verification.payment
 ORDER BY payment_id
"""

# $1 streams
EVENTS = """
SELECT stream_id,
       array_agg(format('%s %s %s', stream_id, version, event_type) ORDER BY version) AS events
  FROM es.event
 WHERE stream_id = ANY ($1)
 GROUP BY stream_id
"""

# Each returns rows of bookings, payments and what is wrong with them.
CHECKS = {
    "seat_constraint_missing": """
SELECT ARRAY[]::text[] AS booking_ids, ARRAY[]::text[] AS payment_ids,
       'reservations.hold lets two bookings hold one seat' AS what
 WHERE NOT EXISTS (
         SELECT FROM pg_index i
          WHERE i.indrelid = 'reservations.hold'::regclass
            AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
            AND (SELECT array_agg(a.attname::text ORDER BY a.attname)
                   FROM pg_attribute a
                  WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey))
                = ARRAY['concert_id', 'seat_number', 'seat_row'])
""",
    "seat_held_twice": """
SELECT array_agg(DISTINCT p.booking_id) AS booking_ids, ARRAY[]::text[] AS payment_ids,
       format('%s %s-%s is held by %s reservations', p.concert_id, p.seat_row, p.seat_number,
              count(*)) AS what
  FROM verification.promised_seat p
 GROUP BY p.concert_id, p.seat_row, p.seat_number
HAVING count(*) > 1
 ORDER BY p.concert_id, p.seat_row, p.seat_number
""",
    "seat_not_released": """
SELECT ARRAY[b.booking_id] AS booking_ids, ARRAY[]::text[] AS payment_ids,
       format('%s, and still holds %s', b.status, h.seats) AS what
  FROM verification.booking b
  JOIN verification.held_seats h USING (booking_id)
 WHERE b.status IN ('denied', 'cancelled', 'expired')
 ORDER BY b.booking_id
""",
    "seats_not_held": """
SELECT ARRAY[b.booking_id] AS booking_ids, ARRAY[]::text[] AS payment_ids,
       format('%s, and holds %s', b.status, coalesce(h.seats::text, 'nothing')) AS what
  FROM verification.booking b
  LEFT JOIN verification.held_seats h USING (booking_id)
 WHERE b.status IN ('confirmed', 'settled')
   AND h.seats IS DISTINCT FROM (
         SELECT jsonb_agg(jsonb_build_array(b.concert_id, s."row", s.number)
                          ORDER BY s."row", s.number)
           FROM jsonb_to_recordset(b.seats) AS s ("row" integer, number integer))
 ORDER BY b.booking_id
""",
    "ended_twice": """
SELECT ARRAY[b.booking_id] AS booking_ids, ARRAY[]::text[] AS payment_ids,
       format('ended %s times', b.endings) AS what
  FROM verification.booking b
 WHERE b.endings > 1
 ORDER BY b.booking_id
""",
    # A row is compared with the log up to its own version, so lag is no finding; an event that the
    # projection's checkpoint has passed must be in it.
    # $1 projection
    "view_differs": """
SELECT ARRAY[booking_id] AS booking_ids, ARRAY[]::text[] AS payment_ids,
       format('the view says %s at version %s, the log %s at %s',
              coalesce(v.status, 'nothing'), coalesce(v.version, 0), b.status, b.version) AS what
  FROM verification.booking b
  FULL JOIN views.booking v USING (booking_id)
  LEFT JOIN (
       SELECT DISTINCT ON (e.booking_id) e.booking_id, e.status
         FROM verification.booking_event e
         JOIN views.booking w ON w.booking_id = e.booking_id AND w.version >= e.version
        WHERE e.status IS NOT NULL
        ORDER BY e.booking_id, e.version DESC) AS seen USING (booking_id)
 WHERE v.version > coalesce(b.version, 0)
    OR v.status <> seen.status
    OR coalesce(v.version, 0) < b.version AND EXISTS (
         SELECT
           FROM es.checkpoint c
          WHERE c.consumer = $1
            AND c.slice = b.slice AND c.position >= b.position)
 ORDER BY booking_id
""",
    "payment_open": """
SELECT ARRAY[p.booking_id] AS booking_ids, ARRAY[p.payment_id] AS payment_ids,
       CASE WHEN p.refund_requested THEN 'the refund is requested, and not made'
            WHEN p.amount IS NULL THEN 'reported, and the provider did not answer'
            ELSE 'received, and neither applied nor refunded' END AS what
  FROM verification.payment p
 WHERE NOT p.applied AND NOT p.refunded AND p.refusal IS NULL
 ORDER BY p.payment_id
""",
    "payment_misapplied": """
SELECT ARRAY[booking_id] AS booking_ids, ARRAY[payment_id] AS payment_ids,
       CASE WHEN p.refund_requested THEN 'applied, and refunded as well'
            WHEN b.status IS NULL THEN 'applied to a booking that it does not pay'
            WHEN p.amount IS NULL THEN 'pays a booking, and is not applied to it'
            WHEN b.status <> 'settled' THEN 'applied to a booking that is ' || b.status
            ELSE format('%s for a booking of %s', p.amount, b.total) END AS what
  FROM (SELECT booking_id, payment_id, amount, refund_requested
          FROM verification.payment
         WHERE applied) AS p
  FULL JOIN (SELECT booking_id, payment_id, status, total
               FROM verification.booking
              WHERE payment_id IS NOT NULL) AS b USING (booking_id, payment_id)
 WHERE p.refund_requested IS DISTINCT FROM false
    OR b.status IS DISTINCT FROM 'settled'
    OR p.amount IS DISTINCT FROM b.total
 ORDER BY payment_id
""",
    # Whatever nobody thought of above shows here. What balances for each booking balances in total.
    "money_differs": """
SELECT ARRAY[booking_id] AS booking_ids,
       array_remove(array_agg(payment_id ORDER BY payment_id), NULL) AS payment_ids,
       format('received %s, refunded %s, under way %s, but settled %s, in the minor unit of %s',
              sum(received), sum(refunded), sum(under_way), sum(settled), currency) AS what
  FROM (SELECT booking_id, payment_id, amount ->> 'currency' AS currency,
               (amount ->> 'amount_minor')::bigint AS received,
               CASE WHEN refunded THEN (amount ->> 'amount_minor')::bigint ELSE 0 END AS refunded,
               CASE WHEN NOT refunded AND NOT applied
                    THEN (amount ->> 'amount_minor')::bigint ELSE 0 END AS under_way,
               0 AS settled
          FROM verification.payment
         WHERE amount IS NOT NULL AND refusal IS NULL
        UNION ALL
        SELECT booking_id, NULL, total ->> 'currency', 0, 0, 0, (total ->> 'amount_minor')::bigint
          FROM verification.booking
         WHERE status = 'settled') AS moved
 GROUP BY booking_id, currency
HAVING sum(received) - sum(refunded) - sum(under_way) <> sum(settled)
 ORDER BY booking_id, currency
""",
}
BINDS = {"view_differs": (BOOKING_PROJECTION,)}


class PostgresVerification:
    """A `Verification` by SQL; `verify_log` is the log's own part of it."""

    def __init__(
        self, pool: Pool, verify_log: Callable[[Pool], Awaitable[Sequence[object]]]
    ) -> None:
        self._pool = pool
        self._verify_log = verify_log

    async def verify_log(self) -> Sequence[object]:
        return await self._verify_log(self._pool)

    async def verify_business(self) -> tuple[Finding, ...]:
        async with _snapshot(self._pool) as connection:
            findings = [found for check in CHECKS for found in await _found(connection, check)]
            return await _with_events(connection, findings)

    async def verify_provider(self, ledger: Ledger) -> tuple[Finding, ...]:
        async with _snapshot(self._pool) as connection:
            ours, unreadable = await _payments(connection)
            return await _with_events(connection, [*reconcile(ours, ledger), *unreadable])

    async def unended_bookings(self) -> tuple[BookingId, ...]:
        rows = await self._pool.fetch(UNENDED, timeout=PATIENCE_SECONDS)
        return tuple(row["booking_id"] for row in rows)

    async def open_payments(self) -> tuple[tuple[PaymentId, BookingId], ...]:
        rows = await self._pool.fetch(OPEN_PAYMENTS, timeout=PATIENCE_SECONDS)
        return tuple((row["payment_id"], row["booking_id"]) for row in rows)

    async def unfinished(self, quiet: timedelta) -> tuple[Unfinished, ...]:
        rows = await self._pool.fetch(UNFINISHED, quiet, timeout=PATIENCE_SECONDS)
        return tuple(Unfinished.model_validate(dict(row)) for row in rows)

    async def unknown(self, streams: Collection[str]) -> frozenset[str]:
        rows = await self._pool.fetch(UNKNOWN, list(streams), timeout=PATIENCE_SECONDS)
        return frozenset(row["stream_id"] for row in rows)

    async def payments(self) -> frozenset[PaymentId]:
        rows = await self._pool.fetch(PAYMENT_IDS, timeout=PATIENCE_SECONDS)
        return frozenset(row["payment_id"] for row in rows)


@asynccontextmanager
async def _snapshot(pool: Pool) -> AsyncIterator[PoolConnectionProxy]:
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield connection


async def _found(connection: PoolConnectionProxy, check: str) -> list[Finding]:
    """Return what a check finds; a value that it cannot read is a finding, and ends only itself."""
    try:
        async with connection.transaction():  # a savepoint
            rows = await connection.fetch(
                CHECKS[check], *BINDS.get(check, ()), timeout=PATIENCE_SECONDS
            )
    except DataError as error:
        return [Finding(check=check, what=f"cannot be checked: {error}")]
    return [
        Finding(
            check=check,
            booking_ids=tuple(filter(None, row["booking_ids"])),
            payment_ids=tuple(filter(None, row["payment_ids"])),
            what=row["what"],
        )
        for row in rows
    ]


async def _payments(connection: PoolConnectionProxy) -> tuple[list[OurPayment], list[Finding]]:
    """Return our payments, and a finding for each that cannot be read."""
    payments: list[OurPayment] = []
    unreadable: list[Finding] = []
    for row in await connection.fetch(PAYMENTS, timeout=PATIENCE_SECONDS):
        try:
            payments.append(OurPayment.model_validate_json(row["payment"]))
        except ValidationError:
            ids, what = (row["payment_id"],), "cannot be compared with the provider's"
            unreadable.append(Finding(check="payment_unreadable", payment_ids=ids, what=what))
    return payments, unreadable


async def _with_events(
    connection: PoolConnectionProxy, findings: Sequence[Finding]
) -> tuple[Finding, ...]:
    """Return the findings, each with the events of the bookings and payments that it names."""
    streams = {stream for finding in findings for stream in _streams(finding)}
    rows = await connection.fetch(EVENTS, list(streams))
    events = {row["stream_id"]: row["events"] for row in rows}
    return tuple(
        finding.model_copy(
            update={"events": tuple(chain(*(events.get(of, ()) for of in _streams(finding))))}
        )
        for finding in findings
    )


def _streams(finding: Finding) -> list[StreamId]:
    bookings = [booking_stream(BookingId(booking_id)) for booking_id in finding.booking_ids]
    return bookings + [payment_stream(PaymentId(payment_id)) for payment_id in finding.payment_ids]
