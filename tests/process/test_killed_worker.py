"""A worker is a process that can be killed at any time: another one goes on where it was."""

import asyncio
from pathlib import Path

import pytest
from temporalio.client import Client

from entrypoints.devstack.children import claim
from tests.support.builders import CONCERT, place
from tests.support.programs import worker_process
from tests.support.stage import PATIENCE, Stage
from tests.support.waiting import eventually
from ticketing.process import PlaceAnswer

BOOKINGS, SEEN = 20, 3

CONFIRMED = "SELECT count(*) FROM es.event WHERE event_type = 'BookingConfirmed'"


async def until_confirmed(stage: Stage, bookings: int) -> None:
    async def are_confirmed() -> bool:
        confirmed: int = await stage.parts.pool.fetchval(CONFIRMED)
        return confirmed >= bookings

    await eventually(are_confirmed, f"{bookings} bookings are confirmed", PATIENCE)


def place_all(stage: Stage) -> list[asyncio.Task[PlaceAnswer]]:
    requests = [place(f"b{n}", f"{n // 10 + 1}-{n % 10 + 1}") for n in range(BOOKINGS)]
    return [asyncio.create_task(stage.process.place(request)) for request in requests]


@pytest.mark.timeout(120)
async def test_a_killed_worker_loses_nothing(stage: Stage, client: Client, tmp_path: Path) -> None:
    async with claim(tmp_path) as home:
        placing = place_all(stage)
        async with worker_process(home, stage, client) as killed:
            await until_confirmed(stage, SEEN)
            killed.kill()
            await killed.wait()
        confirmed_by_the_killed: int = await stage.parts.pool.fetchval(CONFIRMED)
        async with worker_process(home, stage, client):
            decisions = await asyncio.gather(*placing)

    assert SEEN <= confirmed_by_the_killed < BOOKINGS
    assert [decision.status for decision in decisions] == ["confirmed"] * BOOKINGS
    holders = {seat.booking_id for seat in await stage.parts.reservations.seats(CONCERT)} - {None}
    assert holders == {decision.booking_id for decision in decisions}
    assert await stage.parts.pool.fetchval(CONFIRMED) == BOOKINGS
    assert await stage.parts.verification.verify_business() == ()
