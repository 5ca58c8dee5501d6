"""Two workers, each with connections of its own, on one database: nothing lives in a process."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from temporalio.client import Client

from entrypoints.temporal import worker
from entrypoints.wiring import box_office
from tests.support.builders import CONCERT, place
from tests.support.crowd import crowd
from tests.support.gates import Step, with_before
from tests.support.stage import Stage
from ticketing.booking.commands import PlaceBooking
from ticketing.ids import BookingId
from ticketing.process import PlaceAnswer
from ticketing.seats import Seat

SEED = 20_300_504
CLIENTS, SEATS, SEATS_MAX = 200, 10, 4

DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


class Counter:
    asked = 0

    async def before(self, step: Step, _: BookingId) -> None:
        self.asked += step == "reserve"


@asynccontextmanager
async def another_worker(stage: Stage, client: Client) -> AsyncIterator[Counter]:
    """A worker with connections of its own to either server, as another process would have."""
    own = await Client.connect(
        client.service_client.config.target_host,
        namespace=client.namespace,
        data_converter=client.data_converter,
    )
    counter = Counter()
    async with (
        box_office(stage.settings) as parts,
        worker(own, stage.settings, with_before(parts, counter.before)),
    ):
        yield counter


def requests() -> list[PlaceBooking]:
    """Of overlapping seats in no order; some want a single one, so that every seat is sold."""
    chance = random.Random(SEED)
    numbers = range(1, SEATS + 1)
    wishes = [chance.sample(numbers, chance.randint(1, SEATS_MAX)) for _ in range(CLIENTS - SEATS)]
    wishes += [[number] for number in numbers]
    chance.shuffle(wishes)
    return [
        place(f"b{client}", *(f"1-{number}" for number in wish))
        for client, wish in enumerate(wishes)
    ]


def seats_named(denied: PlaceAnswer) -> set[Seat]:
    assert denied.reason is not None
    kind, _, seats = denied.reason.partition(": ")
    assert kind == "seats_unavailable"
    return {Seat.parse(seat) for seat in seats.split(", ")}


@pytest.mark.timeout(300)
async def test_fault_10_two_workers_sell_each_seat_once(stage: Stage, client: Client) -> None:
    wanted = requests()
    async with another_worker(stage, client) as one, another_worker(stage, client) as other:
        decisions = await crowd(partial(stage.process.place, request) for request in wanted)

    seats = {request.booking_id: set(request.seats) for request in wanted}
    winners = {decision.booking_id for decision in decisions if decision.status == "confirmed"}
    holders = {
        seat.seat: seat.booking_id
        for seat in await stage.parts.reservations.seats(CONCERT)
        if seat.booking_id
    }
    assert holders == {seat: winner for winner in winners for seat in seats[winner]}
    assert sum(len(seats[winner]) for winner in winners) == len(holders) == SEATS
    for denied in (decision for decision in decisions if decision.booking_id not in winners):
        assert denied.status == "denied"
        assert seats_named(denied) <= seats[denied.booking_id] & holders.keys()
    assert await stage.parts.pool.fetchval(DEADLOCKS) == 0
    assert await stage.parts.verification.verify_business() == ()
    assert min(one.asked, other.asked) > 0
    assert one.asked + other.asked >= CLIENTS
