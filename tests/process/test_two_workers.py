"""Two workers, each with connections of its own, on one database: nothing lives in a process."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import cast

import pytest
from temporalio.client import Client

from entrypoints.temporal import worker
from entrypoints.wiring import box_office
from tests.process.conftest import CONCERT, Stage, place
from ticketing.booking.commands import PlaceBooking
from ticketing.ids import BookingId, ConcertId
from ticketing.process import PlaceAnswer
from ticketing.reservations.api import (
    NothingToRelease,
    Refusal,
    Released,
    ReservationService,
    Reserved,
)
from ticketing.reservations.postgres import PostgresReservations
from ticketing.seats import Seat

SEED = 20_300_504
CLIENTS, SEATS, SEATS_MAX = 200, 10, 4

DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


@dataclass
class CountedReservations:
    """A reservation service that counts how often its worker was asked."""

    service: ReservationService
    asked: int = 0

    async def reserve(
        self, booking_id: BookingId, attempt: int, concert_id: ConcertId, seats: tuple[Seat, ...]
    ) -> Reserved | Refusal:
        self.asked += 1
        return await self.service.reserve(booking_id, attempt, concert_id, seats)

    async def release(self, booking_id: BookingId, attempt: int) -> Released | NothingToRelease:
        return await self.service.release(booking_id, attempt)


@asynccontextmanager
async def another_worker(stage: Stage, client: Client) -> AsyncIterator[CountedReservations]:
    """A worker with connections of its own to either server, as another process would have."""
    own = await Client.connect(
        client.service_client.config.target_host,
        namespace=client.namespace,
        data_converter=client.data_converter,
    )
    async with box_office(stage.settings) as parts:
        counted = CountedReservations(parts.reservations)
        reservations = cast(PostgresReservations, counted)
        async with worker(own, stage.settings, replace(parts, reservations=reservations)):
            yield counted


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
    return {Seat.parse(each) for each in seats.split(", ")}


@pytest.mark.timeout(90)
async def test_fault_10_200_clients_of_two_workers_get_10_seats_once_each(
    stage: Stage, client: Client
) -> None:
    wanted = requests()
    async with another_worker(stage, client) as one, another_worker(stage, client) as other:
        decisions = await asyncio.gather(*(stage.process.place(each) for each in wanted))

    seats = {each.booking_id: set(each.seats) for each in wanted}
    winners = {each.booking_id for each in decisions if each.status == "confirmed"}
    holders = {
        each.seat: each.booking_id
        for each in await stage.parts.reservations.seats(CONCERT)
        if each.booking_id
    }
    assert holders == {seat: winner for winner in winners for seat in seats[winner]}
    assert sum(len(seats[winner]) for winner in winners) == len(holders) == SEATS
    for denied in (each for each in decisions if each.booking_id not in winners):
        assert denied.status == "denied"
        assert seats_named(denied) <= seats[denied.booking_id] & holders.keys()
    assert await stage.parts.pool.fetchval(DEADLOCKS) == 0
    assert await stage.parts.verification.verify_business() == ()
    assert min(one.asked, other.asked) > 0
    assert one.asked + other.asked == CLIENTS
