"""A worker is a process that can be killed at any time: another one goes on where it was."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from entrypoints.devstack.children import Child, Home, child, claim
from entrypoints.wiring import ROOT
from tests.process.conftest import CONCERT, PATIENCE, Stage, place
from ticketing.process import PlaceAnswer

BOOKINGS, SEEN = 20, 3
LOOK_AGAIN = timedelta(milliseconds=100)  # when no bell was heard

CONFIRMED = "SELECT count(*) FROM es.event WHERE event_type = 'BookingConfirmed'"


def worker_process(
    home: Home,
    stage: Stage,
    client: Client,
    program: Sequence[str | Path] = (ROOT / "worker.py",),
    **more: str,
) -> AbstractAsyncContextManager[Child]:
    """The real program, or another, on this test's servers."""
    return child(
        home,
        "worker",
        (sys.executable, *program),
        environment={
            "BOX_OFFICE_DATABASE_URL": str(stage.settings.database_url),
            "BOX_OFFICE_TASK_QUEUE": stage.settings.task_queue,
            "TEMPORAL_ADDRESS": client.service_client.config.target_host,
            "TEMPORAL_NAMESPACE": client.namespace,
            **more,
        },
    )


async def until_confirmed(stage: Stage, bookings: int) -> None:
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while True:
            heard = stage.parts.doorbell.heard()
            if await stage.parts.pool.fetchval(CONFIRMED) >= bookings:
                return
            await stage.parts.doorbell.wait(LOOK_AGAIN, after=heard)


def place_all(stage: Stage) -> list[asyncio.Task[PlaceAnswer]]:
    requests = [place(f"b{n}", f"{n // 10 + 1}-{n % 10 + 1}") for n in range(BOOKINGS)]
    return [asyncio.create_task(stage.process.place(each)) for each in requests]


@pytest.mark.timeout(120)
async def test_a_worker_killed_among_20_bookings_leaves_none_undecided(
    stage: Stage, client: Client, tmp_path: Path
) -> None:
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
    assert [each.status for each in decisions] == ["confirmed"] * BOOKINGS
    holders = {each.booking_id for each in await stage.parts.reservations.seats(CONCERT)} - {None}
    assert holders == {each.booking_id for each in decisions}
    assert await stage.parts.pool.fetchval(CONFIRMED) == BOOKINGS
    assert await stage.parts.verification.verify_business() == ()
