"""Temporal's state is lost: the log is enough to give every open booking its process again."""

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper

from entrypoints.devstack.servers import TemporalServer
from entrypoints.temporal import worker
from tests.conftest import fresh_namespace
from tests.support.builders import CONCERT, FREE, HOLD, concert, place
from tests.support.clock import Clock
from tests.support.stage import PATIENCE, Stage
from ticketing.ids import BookingId
from ticketing.money import Money
from ticketing.process import PlaceAnswer
from ticketing.reconciliation import unended_bookings
from workflows.client import OrchestratedBookingProcess, booking_handle, start_booking

DEARER = Money(amount_minor=900, currency="EUR")
CONFIRMED, PLACED = BookingId("confirmed"), BookingId("placed")
ENDED = [BookingId("cancelled"), BookingId("denied"), BookingId("settled")]


async def book(stage: Stage, client: Client) -> PlaceAnswer:
    """A booking of every kind; the decision on the one that waits for its money."""
    async with worker(client, stage.settings, stage.parts):
        decision = await stage.process.place(place(CONFIRMED, "1-1"))
        await stage.process.place(place("denied", "1-1"))
        await stage.process.place(place("cancelled", "1-2"))
        await stage.process.cancel(BookingId("cancelled"), "ill")
        await stage.process.place(place("settled", "1-1", concert=FREE))
    await stage.execute(place(PLACED, "1-3"))  # its process came no further
    return decision


@pytest.fixture
async def forgetful(client: Client, temporal: TemporalServer) -> Client:
    return await Client.connect(
        temporal.address,
        namespace=await fresh_namespace(temporal),
        data_converter=client.data_converter,
    )


async def has_process(client: Client, booking_id: BookingId) -> bool:
    try:
        await booking_handle(client, booking_id).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False
    return True


async def test_every_open_booking_gets_its_process_back_and_is_what_it_was(
    stage: Stage, client: Client, forgetful: Client, clock: Clock
) -> None:
    decision = await book(stage, client)
    await stage.parts.reservations.add_concert(concert(CONCERT, DEARER, 2 * HOLD))
    ended = [await stage.events(booking) for booking in ENDED]
    queue = stage.settings.task_queue
    process = OrchestratedBookingProcess(forgetful, queue, patience=PATIENCE)

    async with worker(forgetful, stage.settings, stage.parts):
        for placed in await unended_bookings(stage.parts.verification, stage.parts.bookings):
            await start_booking(forgetful, queue, placed)

        assert await process.place(place(CONFIRMED, "1-1")) == decision
        assert (await process.place(place(PLACED, "1-3"))).total == DEARER
        assert [await has_process(forgetful, booking) for booking in ENDED] == [False] * len(ENDED)
        assert [await stage.events(booking) for booking in ENDED] == ended
        assert await stage.parts.verification.verify_business() == ()

        await clock.advance(HOLD)
        handle = booking_handle(forgetful, CONFIRMED)
        await TimeSkipper(forgetful).fast_forward(handle, HOLD)
        assert (await handle.result()).status == "expired"

    assert await stage.events(CONFIRMED) == ["BookingPlaced", "BookingConfirmed", "BookingExpired"]
    assert stage.told(CONFIRMED) == ["confirmed", "payment_reminder", "expired"]
    assert await stage.held(CONFIRMED) == 0


async def test_a_second_restart_finds_the_first_processes(running: Stage, client: Client) -> None:
    await running.process.place(place(CONFIRMED, "1-1"))
    first = await booking_handle(client, CONFIRMED).describe()
    for placed in await unended_bookings(running.parts.verification, running.parts.bookings):
        await start_booking(client, running.settings.task_queue, placed)
    assert (await booking_handle(client, CONFIRMED).describe()).run_id == first.run_id
