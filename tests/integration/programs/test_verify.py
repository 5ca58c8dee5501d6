"""`box-office verify --every`: a program that verifies by itself, and shows what it found."""

import asyncpg

from entrypoints.devstack.children import Home
from tests.support.builders import CONCERT, HOLD, PRICE, concert
from tests.support.log import record_past_rules
from tests.support.programs import Running, program
from tests.support.provider import Provider
from tests.support.waiting import eventually
from ticketing.ids import BookingId
from ticketing.reservations.postgres import PostgresReservations
from ticketing.seats import Seat

VERIFY = ("-m", "entrypoints.cli", "verify", "--every", "1s")
FINDINGS, CLEAN_AT = "box_office_verify_findings", "box_office_verify_clean_timestamp_seconds"
SEAT = Seat(row=1, number=1)
PLACED = ("BookingPlaced", {"concert_id": CONCERT, "seats": [SEAT.model_dump()]})
DENIED: tuple[str, dict[str, object]] = ("BookingDenied", {})
KIND = "seat_not_released"


async def test_a_broken_promise_is_a_metric_until_it_is_mended(
    home: Home, finds: dict[str, str], pool: asyncpg.Pool, provider: Provider
) -> None:
    reservations = PostgresReservations(pool)
    await reservations.add_concert(concert(CONCERT, PRICE, HOLD))
    await reservations.reserve(BookingId("b1"), 1, CONCERT, (SEAT,))
    await record_past_rules(pool, "booking-b1", PLACED, DENIED)
    finds = {**finds, "BOX_OFFICE_PROVIDER_URL": provider.url}
    async with program(home, "verify", VERIFY, finds) as verifying:
        await verifying.until_ready()
        await eventually(lambda: shows(verifying, 1), "it is found")
        assert (await verifying.metrics())[CLEAN_AT] == {frozenset(): 0}
        (line, *_) = [line for line in verifying.lines() if line["event"] == "broken promise"]
        assert line["finding"].startswith("seat_not_released: booking b1: denied, and still holds")
        await reservations.release(BookingId("b1"), 1)
        await eventually(lambda: shows(verifying, 0), "it is mended")
        assert (await verifying.metrics())[CLEAN_AT][frozenset()] > 0


async def shows(verifying: Running, findings: int) -> bool:
    shown = (await verifying.metrics())[FINDINGS]
    return shown.get(frozenset({("kind", KIND)})) == findings
