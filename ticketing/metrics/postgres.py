"""The metrics: one statement reads one metric, as a column per label and the column `value`.

No statement reads a table from its start to its end. What is under way is found by the partial
indexes of the views, what happened lately by the times of the log, seats by concert.
"""

from datetime import datetime, timedelta

from asyncpg import Pool

from ticketing.metrics.api import Metric, Samples

LATELY = timedelta(hours=1)  # long enough for a quiet box office, short enough to mean "now"
CONCERTS_MAX = 50  # the next concerts; Prometheus keeps a few series of each

# Read first, because the planner can estimate the rows after an instant, but not after a function.
# $1 lately
SINCE = "SELECT es.now() - $1::interval"

OPEN_BOOKINGS = """
SELECT 'awaiting_confirmation' AS status, count(*) AS value
  FROM views.booking AS b
 WHERE b.status = 'awaiting_confirmation'
 UNION ALL
SELECT 'confirmed', count(*)
  FROM views.booking AS b
 WHERE b.status = 'confirmed'
"""

# $1 since
DECIDED = """
SELECT outcome.name AS outcome, count(e.event_type) AS value
  FROM (VALUES ('confirmed', 'BookingConfirmed'), ('denied', 'BookingDenied'),
               ('cancelled', 'BookingCancelled'), ('expired', 'BookingExpired'),
               ('settled', 'BookingSettled'), ('reinstated', 'BookingReinstated'))
       AS outcome (name, event_type)
  LEFT JOIN es.event AS e
    ON e.event_type = outcome.event_type AND e.recorded_at > $1
 GROUP BY outcome.name
"""

# $1 since
DECISION_SECONDS = """
SELECT share::text AS quantile, value
  FROM (SELECT ARRAY[0.5, 0.95, 0.99]::float8[] AS shares) AS wanted
 CROSS JOIN LATERAL (
       SELECT percentile_disc(wanted.shares) WITHIN GROUP (
                ORDER BY extract(epoch FROM decided.recorded_at - placed.recorded_at)) AS seconds
         FROM es.event AS decided
         JOIN es.event AS placed ON placed.stream_id = decided.stream_id AND placed.version = 1
        WHERE decided.recorded_at > $1
          AND decided.event_type IN ('BookingConfirmed', 'BookingDenied')) AS measured
 CROSS JOIN LATERAL unnest(wanted.shares, measured.seconds) AS percentile (share, value)
 WHERE value IS NOT NULL
"""

# $1 since
EXPIRY_LATENESS_SECONDS = """
SELECT share::text AS quantile, value
  FROM (SELECT ARRAY[0.5, 0.95, 0.99]::float8[] AS shares) AS wanted
 CROSS JOIN LATERAL (
       SELECT percentile_disc(wanted.shares) WITHIN GROUP (
                ORDER BY extract(epoch FROM expired.recorded_at
                                 - (confirmed.data ->> 'expires_at')::timestamptz)) AS seconds
         FROM es.event AS expired
         JOIN es.event AS confirmed
           ON confirmed.stream_id = expired.stream_id
          AND confirmed.event_type = 'BookingConfirmed'
        WHERE expired.recorded_at > $1
          AND expired.event_type = 'BookingExpired') AS measured
 CROSS JOIN LATERAL unnest(wanted.shares, measured.seconds) AS percentile (share, value)
 WHERE value IS NOT NULL
"""

OVERDUE_SECONDS = """
SELECT coalesce(extract(epoch FROM max(es.now() - b.expires_at)), 0) AS value
  FROM views.booking AS b
 WHERE b.status = 'confirmed'
   AND b.expires_at <= (SELECT es.now())
"""

UNDECIDED_SECONDS = """
SELECT coalesce(extract(epoch FROM max(es.now() - b.placed_at)), 0) AS value
  FROM views.booking AS b
 WHERE b.status = 'awaiting_confirmation'
"""

PENDING_REFUNDS = """
SELECT count(*) AS value
  FROM views.payment AS p
 WHERE p.ended_at IS NULL
   AND p.status = 'refund_requested'
"""

PENDING_REFUND_SECONDS = """
SELECT coalesce(extract(epoch FROM max(es.now() - e.recorded_at)), 0) AS value
  FROM views.payment AS p
  JOIN es.event AS e
    ON e.stream_id = 'payment-' || p.payment_id AND e.event_type = 'PaymentRefundRequested'
 WHERE p.ended_at IS NULL
   AND p.status = 'refund_requested'
"""

# $1 since
REFUSED_PAYMENTS = """
SELECT reason.name AS reason, count(e.event_type) AS value
  FROM (VALUES ('unknown_to_provider'), ('returned')) AS reason (name)
  LEFT JOIN es.event AS e
    ON e.event_type = 'PaymentRefused' AND e.recorded_at > $1 AND e.data ->> 'reason' = reason.name
 GROUP BY reason.name
"""

# Only the newest generation of a consumer counts; earlier ones stay where they stopped.
CONSUMER_LAG_EVENTS = """
SELECT c.consumer, sum(coalesce(last.position, s.floor) - c.position) AS value
  FROM es.checkpoint AS c
  JOIN es.slice AS s ON s.slice = c.slice
  LEFT JOIN LATERAL (
       SELECT e.position FROM es.event AS e
        WHERE e.slice = c.slice
        ORDER BY e.position DESC
        LIMIT 1) AS last ON true
 WHERE c.generation = (
         SELECT max(n.generation) FROM es.checkpoint AS n WHERE n.consumer = c.consumer)
 GROUP BY c.consumer
"""

# The time that the event after the checkpoint has waited.
CONSUMER_LAG_SECONDS = """
SELECT c.consumer, coalesce(extract(epoch FROM max(es.now() - e.recorded_at)), 0) AS value
  FROM es.checkpoint AS c
  LEFT JOIN es.event AS e ON e.slice = c.slice AND e.position = c.position + 1
 WHERE c.generation = (
         SELECT max(n.generation) FROM es.checkpoint AS n WHERE n.consumer = c.consumer)
 GROUP BY c.consumer
"""

DEAD_LETTERS = """
SELECT c.consumer, count(d.position) AS value
  FROM (SELECT DISTINCT consumer FROM es.checkpoint) AS c
  LEFT JOIN es.dead_letter AS d ON d.consumer = c.consumer AND d.resolved_at IS NULL
 GROUP BY c.consumer
"""

# $1 concerts_max
SEATS = """
SELECT c.concert_id AS concert, counted.state, counted.value
  FROM (SELECT concert_id FROM reservations.concert
         WHERE starts_at > es.now()
         ORDER BY starts_at, concert_id
         LIMIT $1) AS c
 CROSS JOIN LATERAL (
       SELECT count(*) AS n FROM reservations.seat AS s WHERE s.concert_id = c.concert_id) AS seats
 CROSS JOIN LATERAL (
       SELECT count(*) AS n FROM reservations.hold AS h WHERE h.concert_id = c.concert_id) AS taken
 CROSS JOIN LATERAL (
       SELECT coalesce(sum(jsonb_array_length(b.seats)), 0) AS n
         FROM views.booking AS b
        WHERE b.concert_id = c.concert_id AND b.status = 'settled') AS sold
 CROSS JOIN LATERAL (
       VALUES ('free', seats.n - taken.n), ('held', greatest(taken.n - sold.n, 0)),
              ('sold', sold.n)) AS counted (state, value)
"""

OF_LATELY = (DECIDED, DECISION_SECONDS, EXPIRY_LATENESS_SECONDS, REFUSED_PAYMENTS)

METRICS: dict[Metric, str] = {
    Metric("open_bookings", "Bookings that have not ended.", ("status",)): OPEN_BOOKINGS,
    Metric("recent_bookings", "Bookings of the last hour, by outcome.", ("outcome",)): (DECIDED),
    Metric(
        "decision_seconds",
        "From placed to confirmed or denied, of those decided in the last hour.",
        ("quantile",),
    ): DECISION_SECONDS,
    Metric(
        "expiry_lateness_seconds",
        "From the deadline to the expiry, of those expired in the last hour.",
        ("quantile",),
    ): EXPIRY_LATENESS_SECONDS,
    Metric("overdue_booking_seconds", "How far the oldest unpaid booking is past its deadline."): (
        OVERDUE_SECONDS
    ),
    Metric("undecided_booking_seconds", "How long the oldest undecided booking has waited."): (
        UNDECIDED_SECONDS
    ),
    Metric("pending_refunds", "Refunds that are asked for and not made."): PENDING_REFUNDS,
    Metric("pending_refund_seconds", "How long the oldest pending refund has waited."): (
        PENDING_REFUND_SECONDS
    ),
    Metric(
        "refused_payments",
        "Payments reported in the last hour whose money the provider does not have.",
        ("reason",),
    ): REFUSED_PAYMENTS,
    Metric("consumer_lag_events", "Events that are not handled yet.", ("consumer",)): (
        CONSUMER_LAG_EVENTS
    ),
    Metric("consumer_lag_seconds", "How long the oldest of them has waited.", ("consumer",)): (
        CONSUMER_LAG_SECONDS
    ),
    Metric("dead_letters", "Events put aside until somebody retries them.", ("consumer",)): (
        DEAD_LETTERS
    ),
    Metric("seats", "Seats of the next concerts.", ("concert", "state")): SEATS,
}


async def measure(pool: Pool) -> Samples:
    """Read all metrics, one after the other on one connection."""
    async with pool.acquire() as connection:
        since: datetime = await connection.fetchval(SINCE, LATELY)
        binds = {**dict.fromkeys(OF_LATELY, (since,)), SEATS: (CONCERTS_MAX,)}
        return {
            metric: {
                tuple(row[label] for label in metric.labels): float(row["value"])
                for row in await connection.fetch(statement, *binds.get(statement, ()))
            }
            for metric, statement in METRICS.items()
        }
