"""Each planted corruption is found; a clean database stays clean."""

import asyncio
from collections.abc import Sequence

import asyncpg
import pytest

from eventstore.postgres.verify import verify_log
from tests.support.builders import CONCERT, PRICE, concert
from tests.support.log import record_past_rules as log
from ticketing.ids import BookingId
from ticketing.reservations.postgres import PostgresReservations
from ticketing.seats import Seat
from ticketing.verification.api import Finding
from ticketing.verification.postgres import PostgresVerification

B1, SEAT = BookingId("b1"), Seat(row=1, number=1)
EUR_5 = {"amount_minor": 500, "currency": "EUR"}
EUR_4 = {"amount_minor": 400, "currency": "EUR"}
PLACED = ("BookingPlaced", {"concert_id": "concertA", "seats": [{"row": 1, "number": 1}]})
CONFIRMED = ("BookingConfirmed", {"total": EUR_5})
PAID = ("BookingPaid", {"payment_id": "p1", "amount": EUR_5})
SETTLED: tuple[str, dict[str, object]] = ("BookingSettled", {})
EXPIRED: tuple[str, dict[str, object]] = ("BookingExpired", {})
CANCELLED: tuple[str, dict[str, object]] = ("BookingCancelled", {})
RECEIVED = ("PaymentReceived", {"booking_id": "b1", "amount": EUR_5})
RECEIVED_LESS = ("PaymentReceived", {"booking_id": "b1", "amount": EUR_4})
APPLIED = ("PaymentApplied", {"booking_id": "b1"})
REQUESTED: tuple[str, dict[str, object]] = ("PaymentRefundRequested", {})
REFUNDED: tuple[str, dict[str, object]] = ("PaymentRefunded", {})
SOLD = (PLACED, CONFIRMED, PAID, SETTLED)
VIEW = """
INSERT INTO views.booking (booking_id, client_id, concert_id, seats, tickets, status, placed_at,
                           version)
VALUES ('b1', 'ann', 'concertA', '[]', '[]', $1, es.now(), $2)
"""
PASSED = """
INSERT INTO es.checkpoint (consumer, generation, slice, position)
SELECT 'BookingViewProjection', 1, slice, max(position) FROM es.event GROUP BY slice
"""


async def verify_business(pool: asyncpg.Pool) -> Sequence[Finding]:
    return await PostgresVerification(pool, verify_log).verify_business()


async def found(pool: asyncpg.Pool) -> Sequence[str]:
    return [finding.check for finding in await verify_business(pool)]


@pytest.fixture(autouse=True)
async def _reserved(pool: asyncpg.Pool) -> None:
    service = PostgresReservations(pool)
    await service.add_concert(concert(CONCERT, PRICE, None))
    await service.reserve(B1, 1, CONCERT, (SEAT,))


async def test_a_sold_a_reinstated_and_a_refunded_booking_are_clean(pool: asyncpg.Pool) -> None:
    reinstated: tuple[str, object] = ("BookingReinstated", {})
    await log(pool, "booking-b1", PLACED, CONFIRMED, EXPIRED, reinstated, PAID, SETTLED)
    await log(pool, "payment-p1", RECEIVED, APPLIED)
    await log(pool, "payment-p2", RECEIVED, REQUESTED, REFUNDED)
    await pool.execute(VIEW, "settled", 6)
    await pool.execute(PASSED)
    assert await found(pool) == []


@pytest.mark.parametrize("ending", ["BookingDenied", "BookingCancelled", "BookingExpired"])
async def test_an_ended_booking_that_holds_a_seat_is_found(pool: asyncpg.Pool, ending: str) -> None:
    await log(pool, "booking-b1", PLACED, CONFIRMED, (ending, {}))
    (finding,) = await verify_business(pool)
    assert finding.check == "seat_not_released"
    assert finding.booking_ids == ("b1",)
    assert finding.events[-1] == f"booking-b1 3 {ending}"


@pytest.mark.parametrize("history", [(PLACED, CONFIRMED), SOLD])
async def test_a_booking_without_its_seats_is_found(
    pool: asyncpg.Pool, history: tuple[tuple[str, object], ...]
) -> None:
    await log(pool, "booking-b1", *history)
    if history == SOLD:
        await log(pool, "payment-p1", RECEIVED, APPLIED)
    assert await found(pool) == []
    await PostgresReservations(pool).release(B1, 1)
    assert await found(pool) == ["seats_not_held"]


async def test_a_booking_that_holds_more_than_its_seats_is_found(pool: asyncpg.Pool) -> None:
    await log(pool, "booking-b1", PLACED, CONFIRMED)
    await PostgresReservations(pool).reserve(B1, 2, CONCERT, (Seat(row=1, number=2),))
    assert await found(pool) == ["seats_not_held"]


async def test_a_booking_that_ended_twice_is_found(pool: asyncpg.Pool) -> None:
    await log(pool, "booking-b1", PLACED, CONFIRMED, EXPIRED, CANCELLED)
    await PostgresReservations(pool).release(B1, 1)
    assert await found(pool) == ["ended_twice"]


@pytest.mark.parametrize(
    ("status", "version", "differs"),
    [
        ("confirmed", 2, False),
        ("awaiting_confirmation", 1, False),  # it lags
        ("settled", 2, True),
        ("confirmed", 1, True),
        ("confirmed", 3, True),
    ],
)
async def test_a_view_is_compared_with_the_log_up_to_its_version(
    pool: asyncpg.Pool, status: str, version: int, *, differs: bool
) -> None:
    await log(pool, "booking-b1", PLACED, CONFIRMED)
    await pool.execute(VIEW, status, version)
    assert await found(pool) == ["view_differs"] * differs


async def test_an_event_that_the_projection_passed_by_is_found(pool: asyncpg.Pool) -> None:
    await log(pool, "booking-b1", PLACED)
    assert await found(pool) == []
    await pool.execute(PASSED)
    assert await found(pool) == ["view_differs"]


@pytest.mark.parametrize("events", [(RECEIVED,), (RECEIVED, REQUESTED)])
async def test_money_that_is_neither_applied_nor_refunded_is_found(
    pool: asyncpg.Pool, events: tuple[tuple[str, object], ...]
) -> None:
    await log(pool, "booking-b1", PLACED, CONFIRMED)
    await log(pool, "payment-p1", *events)
    (finding,) = await verify_business(pool)
    assert (finding.check, finding.payment_ids) == ("payment_open", ("p1",))


@pytest.mark.parametrize(
    ("booking", "payment"),
    [
        (SOLD, (RECEIVED_LESS, APPLIED)),
        (SOLD, (RECEIVED, REQUESTED, REFUNDED)),
        (SOLD, (RECEIVED, APPLIED, REQUESTED)),
        ((PLACED, CONFIRMED), (RECEIVED, APPLIED)),
        ((PLACED, CONFIRMED, PAID), (RECEIVED, APPLIED)),
    ],
)
async def test_money_applied_where_it_does_not_belong_is_found(
    pool: asyncpg.Pool,
    booking: tuple[tuple[str, object], ...],
    payment: tuple[tuple[str, object], ...],
) -> None:
    await log(pool, "booking-b1", *booking)
    await log(pool, "payment-p1", *payment)
    assert "payment_misapplied" in await found(pool)


async def test_a_booking_that_is_settled_and_was_never_paid_is_found(pool: asyncpg.Pool) -> None:
    await log(pool, "booking-b1", PLACED, CONFIRMED, SETTLED)
    (finding,) = await verify_business(pool)
    assert (finding.check, finding.booking_ids) == ("money_differs", ("b1",))
    assert finding.what == (
        "received 0, refunded 0, under way 0, but settled 500, in the minor unit of EUR"
    )


async def test_a_finding_names_booking_payments_and_events(pool: asyncpg.Pool) -> None:
    await log(pool, "booking-b1", *SOLD)
    await log(pool, "payment-p1", RECEIVED_LESS, APPLIED)
    differs = [found for found in await verify_business(pool) if found.check == "money_differs"]
    assert [str(finding) for finding in differs] == [
        "money_differs: booking b1, payment p1: received 400, refunded 0, under way 0, "
        "but settled 500, in the minor unit of EUR (booking-b1 1 BookingPlaced, "
        "booking-b1 2 BookingConfirmed, booking-b1 3 BookingPaid, booking-b1 4 BookingSettled, "
        "payment-p1 1 PaymentReceived, payment-p1 2 PaymentApplied)"
    ]


async def test_what_one_booking_owes_another_does_not_balance(pool: asyncpg.Pool) -> None:
    """In total 500 are received and settled: the sums alone would see nothing."""
    await log(pool, "booking-b1", PLACED, CONFIRMED, SETTLED)
    await log(
        pool, "payment-p1", ("PaymentReceived", {"booking_id": "b2", "amount": EUR_5}), APPLIED
    )
    differ = [found for found in await verify_business(pool) if found.check == "money_differs"]
    assert [finding.booking_ids for finding in differ] == [("b1",), ("b2",)]


async def test_checks_have_more_time_than_others(database: str, pool: asyncpg.Pool) -> None:
    async with asyncpg.create_pool(database, min_size=2, command_timeout=0.5) as impatient:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("LOCK TABLE es.event")
            checks = asyncio.gather(verify_business(impatient), verify_log(impatient))
            await connection.execute("SELECT pg_sleep(0.8)")
        assert [list(found) for found in await checks] == [[], []]
