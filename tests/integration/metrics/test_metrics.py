"""What Prometheus is shown of the business: numbers of a database whose content is known."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from prometheus_client import generate_latest

from entrypoints.observability.metrics import Metrics
from eventstore.postgres.log import OUTCOMES, PostgresEventStore
from tests.support.clock import Clock
from tests.support.log import command, noted, record_past_rules, stream
from ticketing.metrics import postgres as metrics
from ticketing.metrics.api import Samples
from ticketing.metrics.postgres import LATELY, measure

SECOND = timedelta(seconds=1)
Series = Mapping[tuple[str, ...], float]

OPEN_BOOKING = """
INSERT INTO views.booking (booking_id, client_id, concert_id, seats, tickets, status, placed_at,
                           expires_at, version)
VALUES ($1, 'ann', 'moonlight', '[{"row": 1, "number": 1}]', '[]', $2, es.now() - $3::interval,
        es.now() - $4::interval, 1)
"""
PAYMENT = """
INSERT INTO views.payment (payment_id, booking_id, payer, amount, status, received_at, version)
VALUES ($1, 'b1', 'ann', '{}', $2, es.now() - interval '1 day', 1)
"""
CONCERT = """
INSERT INTO reservations.concert
SELECT 'moonlight', 'Moonlight', es.now() + $1::interval, 'EUR', NULL, true, '[]'
"""
FIVE_SEATS = """
INSERT INTO reservations.seat SELECT 'moonlight', 1, n, 500 FROM generate_series(1, 5) AS n
"""
HOLD = """
WITH reserved AS (
  INSERT INTO reservations.reservation (booking_id, attempt) VALUES ('b' || $1::integer, 1))
INSERT INTO reservations.hold VALUES ('moonlight', 1, $1, 'b' || $1::integer, 1)
"""
CHECKPOINTS = """
INSERT INTO es.checkpoint (consumer, generation, slice, position)
SELECT 'views', g.n, s.slice, $1 FROM es.slice AS s, generate_series(1, 2) AS g (n)
 WHERE s.category = 'booking'
"""
PARK = """
INSERT INTO es.dead_letter (consumer, generation, slice, position, stream_id, attempts, error,
                            parked_at, resolved_at)
VALUES ('views', 2, (SELECT min(slice) FROM es.slice), $1, 'booking-1', 1, '', es.now(), $2)
"""
OLD_EVENTS = """
INSERT INTO es.event (position, version, recorded_at, event_id, command_id, command_hash, slice,
                      ordinal, command_size, schema_version, stream_id, event_type, data, metadata,
                      hash)
SELECT n, 1, es.now() - interval '30 days' + n * interval '1 minute', gen_random_uuid(),
       gen_random_uuid(), gen_random_uuid(), 0, 0, 1, 1, 'booking-' || n, 'BookingPlaced',
       jsonb_build_object('concert_id', repeat('x', 200)), '{}', ''
  FROM generate_series(1, 30 * 24 * 60) AS n
"""
SUMMARIZE = "SELECT brin_summarize_new_values('es.event_recorded_at')"


async def log(pool: asyncpg.Pool, to: str, type: str, **data: object) -> None:
    await record_past_rules(pool, to, (type, data))


async def series(pool: asyncpg.Pool, name: str) -> Series:
    """The numbers of a measure, by the values of its labels."""
    [numbers] = [found for metric, found in (await measure(pool)).items() if metric.name == name]
    return dict(numbers)


async def test_an_empty_database_has_every_measure_but_times(pool: asyncpg.Pool) -> None:
    found = {metric.name: len(samples) for metric, samples in (await measure(pool)).items()}
    assert found == {
        "open_bookings": 2,
        "recent_bookings": 6,
        "decision_seconds": 0,
        "expiry_lateness_seconds": 0,
        "overdue_booking_seconds": 1,
        "undecided_booking_seconds": 1,
        "pending_refunds": 1,
        "pending_refund_seconds": 1,
        "refused_payments": 2,
        "consumer_lag_events": 0,
        "consumer_lag_seconds": 0,
        "dead_letters": 0,
        "seats": 0,
    }


async def test_outcomes_are_of_the_last_hour(pool: asyncpg.Pool, clock: Clock) -> None:
    await log(pool, "booking-1", "BookingSettled")
    await clock.advance(LATELY)
    await log(pool, "booking-2", "BookingSettled")
    await log(pool, "booking-3", "BookingDenied")
    assert await series(pool, "recent_bookings") == {
        ("confirmed",): 0,
        ("denied",): 1,
        ("cancelled",): 0,
        ("expired",): 0,
        ("settled",): 1,
        ("reinstated",): 0,
    }


async def test_decisions_and_expiries_are_timed(pool: asyncpg.Pool, clock: Clock) -> None:
    deadline: datetime = await pool.fetchval("SELECT es.now() + interval '60 s'")
    await log(pool, "booking-1", "BookingPlaced")
    await clock.advance(5 * SECOND)
    await log(pool, "booking-1", "BookingConfirmed", expires_at=deadline.isoformat())
    await clock.advance(57 * SECOND)
    await log(pool, "booking-1", "BookingExpired")
    for name, seconds in (("decision_seconds", 5), ("expiry_lateness_seconds", 2)):
        found = await series(pool, name)
        assert list(found) == [("0.5",), ("0.95",), ("0.99",)]
        assert list(found.values()) == pytest.approx([seconds] * 3, abs=0.9)


async def test_the_oldest_that_waits_is_timed(pool: asyncpg.Pool, clock: Clock) -> None:
    for booking_id, status, placed, overdue in (
        ("b1", "confirmed", 900, 30),
        ("b2", "confirmed", 900, 10),
        ("b3", "confirmed", 900, -10),
        ("b4", "awaiting_confirmation", 20, -10),
        ("b5", "settled", 5000, 4000),
    ):
        await pool.execute(OPEN_BOOKING, booking_id, status, placed * SECOND, overdue * SECOND)
    await pool.execute(PAYMENT, "p1", "refund_requested")
    await pool.execute(PAYMENT, "p2", "received")
    await log(pool, "payment-p1", "PaymentReceived")
    await log(pool, "payment-p1", "PaymentRefundRequested")
    await clock.advance(40 * SECOND)
    assert await series(pool, "open_bookings") == {("awaiting_confirmation",): 1, ("confirmed",): 3}
    assert await series(pool, "pending_refunds") == {(): 1}
    for name, seconds in (
        ("overdue_booking_seconds", 70),
        ("undecided_booking_seconds", 60),
        ("pending_refund_seconds", 40),
    ):
        assert await series(pool, name) == {(): pytest.approx(seconds, abs=5)}


async def test_seats_are_held_until_their_booking_is_settled(pool: asyncpg.Pool) -> None:
    await pool.execute(CONCERT, timedelta(days=1))
    await pool.execute(FIVE_SEATS)
    for number, status in ((1, "settled"), (2, "confirmed"), (3, "confirmed")):
        await pool.execute(HOLD, number)
        await pool.execute(OPEN_BOOKING, f"b{number}", status, SECOND, SECOND)
    seats = {"free": 2.0, "held": 2.0, "sold": 1.0}
    assert await series(pool, "seats") == {("moonlight", key): n for key, n in seats.items()}


async def test_a_concert_that_is_over_has_no_series(pool: asyncpg.Pool) -> None:
    await pool.execute(CONCERT, -timedelta(days=1))
    await pool.execute(FIVE_SEATS)
    assert await series(pool, "seats") == {}


async def test_a_consumer_lags_by_events_and_by_their_age(pool: asyncpg.Pool, clock: Clock) -> None:
    await pool.execute(CHECKPOINTS, 0)
    for name in ("consumer_lag_events", "consumer_lag_seconds"):
        assert await series(pool, name) == {("views",): 0}
    for number in range(3):
        await log(pool, f"booking-{number}", "BookingPlaced")
    await clock.advance(30 * SECOND)
    assert await series(pool, "consumer_lag_events") == {("views",): 3}
    assert await series(pool, "consumer_lag_seconds") == {("views",): pytest.approx(30, abs=5)}


async def test_dead_letters_are_counted_until_they_are_resolved(pool: asyncpg.Pool) -> None:
    await pool.execute(CHECKPOINTS, 0)
    assert await series(pool, "dead_letters") == {("views",): 0}
    for position, resolved_at in ((1, None), (2, datetime(2031, 5, 1, tzinfo=UTC)), (3, None)):
        await pool.execute(PARK, position, resolved_at)
    assert await series(pool, "dead_letters") == {("views",): 2}


@pytest.mark.parametrize("name", ["DECIDED", "DECISION_SECONDS", "EXPIRY_LATENESS_SECONDS"])
async def test_what_happened_lately_is_found_by_its_time(pool: asyncpg.Pool, name: str) -> None:
    await pool.execute(OLD_EVENTS)
    await pool.execute(SUMMARIZE)
    await pool.execute("ANALYZE es.event")
    since: datetime = await pool.fetchval(metrics.SINCE, LATELY)
    plan = await pool.fetch("EXPLAIN " + getattr(metrics, name), since)
    explained = "\n".join(row[0] for row in plan)
    assert "event_recorded_at" in explained
    assert "Seq Scan" not in explained


async def test_every_append_is_counted_by_what_became_of_it(pool: asyncpg.Pool) -> None:
    metrics = Metrics(OUTCOMES)
    store = PostgresEventStore(pool, metrics.count_append)
    first, second = command(1), command(2)
    for ref, expected in ((first, 0), (first, 0), (second, 7)):
        await store.append(stream(), ref, noted(1), expected=expected, metadata={})
    await store.load(stream(), first)  # the repeat is seen before anything is appended
    counted = [
        line
        for line in generate_latest(metrics.registry).decode().splitlines()
        if "appends_total{" in line
    ]
    assert counted == [
        'box_office_appends_total{outcome="appended"} 1.0',
        'box_office_appends_total{outcome="duplicate"} 2.0',
        'box_office_appends_total{outcome="conflict"} 1.0',
        'box_office_appends_total{outcome="reused"} 0.0',
    ]


async def test_however_often_it_is_scraped_it_is_measured_once(pool: asyncpg.Pool) -> None:
    asked: list[str] = []

    async def measured() -> Samples:
        asked.append("metrics")
        return await measure(pool)

    metrics = Metrics(OUTCOMES)
    await asyncio.gather(*(metrics.measure(measured) for _ in range(20)))
    assert asked == ["metrics"]
    assert b"box_office_pending_refunds 0.0" in generate_latest(metrics.registry)


async def test_without_the_database_the_counters_are_shown_and_nothing_stale() -> None:
    async def fails() -> Samples:
        raise ConnectionError

    metrics = Metrics(OUTCOMES)
    await metrics.measure(fails)
    assert b'appends_total{outcome="appended"} 0.0' in generate_latest(metrics.registry)
    assert b"pending_refunds" not in generate_latest(metrics.registry)
