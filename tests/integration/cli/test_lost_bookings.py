"""`box-office lost-bookings`: what a restored log does not know, and Temporal does."""

import json

import asyncpg
import pytest
from temporalio.client import Client

from entrypoints.settings import Settings
from entrypoints.temporal import worker
from entrypoints.wiring import BoxOffice
from tests.support.builders import PRICE, place
from tests.support.provider import Provider
from tests.support.stage import PATIENCE, captured
from tests.support.terminal import Ran, run
from ticketing.booking.commands import PlaceBooking
from ticketing.ids import BookingId
from ticketing.money import Money
from workflows.client import OrchestratedBookingProcess

TWO_SEATS = Money(amount_minor=2 * PRICE.amount_minor, currency=PRICE.currency)

# $1 streams
NEWER_THAN_THE_BACKUP = "DELETE FROM es.event WHERE stream_id <> ALL ($1)"


@pytest.fixture
def servers(servers: Settings, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("BOX_OFFICE_PROVIDER_URL", provider.url)
    return Settings()


@pytest.fixture
async def process(
    client: Client, servers: Settings, parts: BoxOffice
) -> OrchestratedBookingProcess:
    """With a booking of every end, of which the first is as old as the backup."""
    process = OrchestratedBookingProcess(client, servers.task_queue, patience=PATIENCE)
    async with worker(client, servers, parts):
        for booking_id, *seats in (("old", "1-1"), ("paid", "1-2", "1-3"), ("open", "1-4")):
            await process.place(place(booking_id, *seats))
        paid = await captured(parts.provider, "paid", amount=TWO_SEATS)
        await process.pay(paid.report())
        await process.place(place("denied", "1-1"))
        await process.place(place("rejected", "99-1"))
        await process.place(place("cancelled", "1-5"))
        await process.cancel(BookingId("cancelled"), "ill")
    return process


async def restore(pool: asyncpg.Pool, *streams: str) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("ALTER TABLE es.event DISABLE TRIGGER event_append_only")
        await connection.execute(NEWER_THAN_THE_BACKUP, streams)


async def test_a_complete_log_lost_nothing(process: OrchestratedBookingProcess) -> None:
    assert await run("lost-bookings", "--since", "1h") == Ran(0, "# nothing is lost\n", "")


async def test_what_held_seats_is_told_as_commands_in_the_order_of_the_bookings(
    process: OrchestratedBookingProcess, pool: asyncpg.Pool
) -> None:
    await restore(pool, "booking-old")
    ran = await run("lost-bookings", "--since", "1h")
    assert ran == Ran(
        0,
        "box-office place --concert=concertA --client=ann --seat 1-2 --seat 1-3 --id=paid"
        "  # settled\n"
        "box-office place --concert=concertA --client=ann --seat 1-4 --id=open  # open\n",
        "",
    )
    told = json.loads((await run("lost-bookings", "--since", "1h", "--json")).stdout)
    assert [PlaceBooking.model_validate(booking["request"]) for booking in told] == [
        place("paid", "1-2", "1-3"),
        place("open", "1-4"),
    ]
