"""The starter of processes under a writer that commits late."""

import asyncio
from uuid import uuid4

from temporalio.client import Client

from entrypoints.wiring import BOOKING_CODEC, consumers
from eventstore.postgres.log import PostgresEventStore
from eventstore.slices import Slice, StreamId
from tests.integration.eventstore.races import somebody_waits_for_a_slice, until
from tests.log import streams_in
from tests.workflow.conftest import Stage, place
from ticketing.booking.decider import BOOKING
from ticketing.command_handler import CommandHandler
from ticketing.ids import BookingId, booking_stream
from workflows.client import booking_process


async def test_fault_7_a_booking_whose_placing_commits_late_gets_its_process(
    running: Stage, client: Client
) -> None:
    """What happens to a feed that skips it: tests/integration/eventstore/test_gaps.py."""
    parts = running.parts
    first, second = (each.removeprefix("booking-") for each in streams_in(Slice(3), 2))

    async def starters_look() -> int:
        members = consumers(client, running.settings, parts)
        return sum([await each.run_until_caught_up() for each in members])

    async with asyncio.TaskGroup() as group, parts.checkpoints.transaction() as connection:
        late = CommandHandler(
            PostgresEventStore(connection),
            parts.doorbell,
            BOOKING,
            BOOKING_CODEC,
            lambda command: StreamId(booking_stream(command.booking_id)),
        )
        await late.execute(place(first, "1-1"), command_id=uuid4(), metadata={})
        group.create_task(running.execute(place(second, "1-2")))
        await until(lambda: somebody_waits_for_a_slice(parts.pool))
        assert await starters_look() == 0
    await starters_look()

    for booking_id, seat in ((first, "1-1"), (second, "1-2")):
        await booking_process(client, BookingId(booking_id)).describe()  # it has one
        assert (await running.process.place(place(booking_id, seat))).status == "confirmed"
