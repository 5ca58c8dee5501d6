"""No query of the views and of the seat inventory reads a table from its start to its end."""

from types import ModuleType

import asyncpg
import pytest

from tests.support.plans import EXPLAIN, scans_of, statements
from ticketing.metrics import postgres as metrics
from ticketing.reservations import postgres as reservations
from ticketing.views import postgres as views

# A season: 100 concerts of 100 seats, 20,000 bookings and as many payments, few of them not over.
FILL = """
INSERT INTO reservations.concert
SELECT 'concert-' || n, 'Moonlight', es.now(), 'EUR', '15 minutes', true, '[]'
  FROM generate_series(1, 100) AS n;

INSERT INTO reservations.seat
SELECT 'concert-' || c, r, n, 1500
  FROM generate_series(1, 100) AS c, generate_series(1, 10) AS r, generate_series(1, 10) AS n;

INSERT INTO reservations.reservation (booking_id, attempt)
SELECT 'b' || n, 1 FROM generate_series(1, 20000) AS n;

INSERT INTO reservations.hold
SELECT concert_id, seat_row, seat_number, 'b' || row_number() OVER (), 1 FROM reservations.seat;

INSERT INTO views.booking
       (booking_id, client_id, concert_id, seats, tickets, status, placed_at, expires_at, version)
SELECT 'b' || n, 'client-' || n % 2000, 'concert-' || n % 100,
       '[{"row": 3, "number": 14}, {"row": 3, "number": 15}]',
       '[{"seat": {"row": 3, "number": 14}, "price": {"currency": "EUR", "amount_minor": 1500}},
         {"seat": {"row": 3, "number": 15}, "price": {"currency": "EUR", "amount_minor": 1500}}]',
       CASE n % 99 WHEN 0 THEN 'confirmed' WHEN 1 THEN 'awaiting_confirmation' ELSE 'settled' END,
       es.now() - n * interval '1 minute', es.now() - n * interval '1 minute', 1
  FROM generate_series(1, 20000) AS n;

INSERT INTO views.payment (payment_id, booking_id, payer, amount, status, received_at, ended_at,
                           version)
SELECT 'p' || n, 'b' || n, 'Ada', '{}', CASE n % 100 WHEN 0 THEN 'received' ELSE 'applied' END,
       es.now() - n * interval '1 minute', CASE n % 100 WHEN 0 THEN NULL ELSE es.now() END, 1
  FROM generate_series(1, 20000) AS n;

INSERT INTO notifications.mark (kind, about)
SELECT 'payment_reminder', 'b' || n FROM generate_series(1, 20000) AS n;
"""
MODULES = [views, reservations, metrics]
READ_EVERYTHING = {
    "CLEAR",  # a rebuild begins
    "CLEAR_PAYMENTS",
    "CONCERTS",  # people see all of them
    *("DECIDED", "DECISION_SECONDS", "EXPIRY_LATENESS_SECONDS"),  # see test_metrics.py
}
FINE = {
    ("concert", "all of it"),  # two pages
    ("payment", "all of payment_under_way"),  # holds only what is under way
    ("booking", "all of booking_overdue"),  # likewise
    ("booking", "all of booking_unconfirmed"),
    *((table, "all of it") for table in ("checkpoint", "slice", "dead_letter")),  # a few pages
    ("event", "all of it"),  # empty here: see test_metrics.py, eventstore/test_plans.py
}


@pytest.fixture
async def filled(pool: asyncpg.Pool) -> asyncpg.Pool:
    await pool.execute(FILL)
    await pool.execute("ANALYZE")
    await pool.execute(EXPLAIN)
    return pool


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
async def test_every_query_uses_indexes(filled: asyncpg.Pool, module: ModuleType) -> None:
    scans = {
        name: await scans_of(filled, statement)
        for name, statement in statements(module).items()
        if name not in READ_EVERYTHING
    }
    assert {name: bad for name, plan in scans.items() if (bad := full_scans(plan))} == {}


def full_scans(scans: set[tuple[str, str]]) -> set[tuple[str, str]]:
    return {(table, how) for table, how in scans - FINE if how.startswith("all of")}


async def test_without_its_index_payments_would_be_sought_in_all(filled: asyncpg.Pool) -> None:
    assert full_scans(await scans_of(filled, views.PAYMENTS_OF)) == set()
    await filled.execute("DROP INDEX views.payment_by_booking")
    assert full_scans(await scans_of(filled, views.PAYMENTS_OF)) == {("payment", "all of it")}
