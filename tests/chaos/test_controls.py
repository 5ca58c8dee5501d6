"""Negative controls: with a guard taken away the checks have something to report."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random
from uuid import UUID

import pytest

from entrypoints.settings import Settings
from entrypoints.wiring import BoxOffice, consumer
from eventstore.api import StoredEvent
from eventstore.delivery import AtLeastOnce, AtMostOnce, Handler
from eventstore.errors import GapError
from tests.chaos.arena import ends
from tests.chaos.plans import KINDS, Kind, concerts, plans, wrong_ends
from tests.chaos.wired import cancel, place, subscription
from tests.integration.eventstore.races import LAST_POSITION, LOCK
from ticketing.ids import BookingId

BOOKINGS = [BookingId(f"b{number}") for number in range(20)]
FROM_SEQUENCE = "SELECT nextval('es.positions') - 1 INTO pos;"  # as most stores do
CONFIRMATION, RELEASE = "BookingConfirmationProcess", "SeatReleaseProcess"


class Mortal:
    """A step whose member dies at every third event, before the effect."""

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self._seen: set[UUID] = set()
        self.dead = asyncio.Event()

    async def handle(self, event: StoredEvent) -> None:
        is_new = event.event_id not in self._seen
        self._seen.add(event.event_id)
        if is_new and len(self._seen) % 3 == 0:
            self.dead.set()
            await asyncio.Event().wait()
        await self._handle(event)


async def run_with_deaths(settings: Settings, parts: BoxOffice, name: str, *, broken: bool) -> int:
    """One member after another until one has nothing left to do; how many died."""
    of = subscription(settings, parts, name)
    assert isinstance(of.delivery, AtLeastOnce)
    mortal = Mortal(of.delivery.handle)
    # The checkpoint first: that is what it takes to break a delivery.
    delivery = AtMostOnce(mortal.handle) if broken else AtLeastOnce(mortal.handle, "park")
    deaths = 0
    while True:
        member = consumer(parts, replace(of, delivery=delivery))
        living = asyncio.create_task(member.run_until_caught_up())
        dying = asyncio.create_task(mortal.dead.wait())
        await asyncio.wait([living, dying], return_when=asyncio.FIRST_COMPLETED)
        dying.cancel()
        if not mortal.dead.is_set():
            living.result()
            return deaths
        living.cancel()
        await asyncio.wait([living])
        mortal.dead.clear()
        deaths += 1


@pytest.fixture(autouse=True)
async def _placed(parts: BoxOffice) -> None:
    for concert in concerts():
        await parts.reservations.add_concert(concert)


async def place_all(parts: BoxOffice) -> None:
    await asyncio.gather(*(place(parts, id, row) for row, id in enumerate(BOOKINGS, start=1)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_booking_that_ended_otherwise_is_reported(kind: Kind) -> None:
    planned = [plan for plan in plans(Random(1), 12, timedelta()) if plan.kind == kind]
    ends = {plan.booking_id: KINDS[kind][1] for plan in planned}
    if kind == "rivals":
        first = {plan.booking_id: "settled" for plan in planned if plan.request.client_id == "a"}
        ends = dict.fromkeys(ends, "denied") | first
    assert wrong_ends(planned, ends) == []
    for plan in planned:
        assert len(wrong_ends(planned, ends | {plan.booking_id: "confirmed"})) == 1


@pytest.mark.parametrize("broken", [False, True], ids=["as wired", "checkpoint first"])
async def test_a_checkpoint_before_the_effect_loses_confirmations(
    parts: BoxOffice, settings: Settings, *, broken: bool
) -> None:
    await place_all(parts)
    assert await run_with_deaths(settings, parts, CONFIRMATION, broken=broken) > 0
    lost = Counter((await ends(parts)).values())["awaiting_confirmation"]
    assert (lost > 0) == broken


@pytest.mark.parametrize("broken", [False, True], ids=["as wired", "checkpoint first"])
async def test_a_checkpoint_before_the_effect_leaks_seats(
    parts: BoxOffice, settings: Settings, *, broken: bool
) -> None:
    await place_all(parts)
    await consumer(parts, subscription(settings, parts, CONFIRMATION)).run_until_caught_up()
    await asyncio.gather(*(cancel(parts, booking) for booking in BOOKINGS))
    assert await run_with_deaths(settings, parts, RELEASE, broken=broken) > 0
    found = {finding.check for finding in await parts.verification.verify_business()}
    assert found == ({"seat_not_released"} if broken else set())


async def test_without_the_slice_lock_a_gap_is_found(parts: BoxOffice, settings: Settings) -> None:
    source: str = await parts.pool.fetchval("SELECT pg_get_functiondef('es.append'::regproc)")
    assert (source.count(LOCK), source.count(LAST_POSITION)) == (1, 1)
    await parts.pool.execute("CREATE SEQUENCE es.positions")
    await parts.pool.execute("GRANT USAGE ON SEQUENCE es.positions TO es_owner")
    await parts.pool.execute(source.replace(LOCK, "").replace(LAST_POSITION, FROM_SEQUENCE))
    await place_all(parts)
    with pytest.raises(GapError):
        await consumer(parts, subscription(settings, parts, CONFIRMATION)).run_until_caught_up()
    assert list(await parts.verification.verify_log()) != []
