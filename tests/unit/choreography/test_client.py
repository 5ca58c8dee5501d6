"""What a client is told when its request meets a booking that changes at this moment."""

from datetime import timedelta
from uuid import UUID

import pytest

from choreography.client import ChoreographedBookingProcess
from eventstore.api import Metadata
from eventstore.memory import MemoryDoorbell
from tests.support.controls import BOOKING_ID, PLACE
from tests.unit.choreography.office import Office
from ticketing.booking.commands import BookingCommand
from ticketing.process import NoAnswerError


def process(office: Office) -> ChoreographedBookingProcess:
    patience = timedelta(milliseconds=50)
    return ChoreographedBookingProcess(
        office.bookings, office.payments, MemoryDoorbell(), patience=patience
    )


async def test_a_cancel_that_is_a_moment_too_early_finds_no_booking(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute = office.bookings.execute

    async def and_place_it_then(
        command: BookingCommand, *, command_id: UUID, metadata: Metadata
    ) -> object:
        answer = await execute(command, command_id=command_id, metadata=metadata)
        monkeypatch.undo()
        await office.place()
        return answer

    monkeypatch.setattr(office.bookings, "execute", and_place_it_then)
    assert (await process(office).cancel(BOOKING_ID, "ill")).status == "not_found"
    assert (await process(office).cancel(BOOKING_ID, "ill")).status == "cancelled"


async def test_a_booking_that_nobody_decides_on_is_placed_all_the_same(office: Office) -> None:
    with pytest.raises(NoAnswerError):
        await process(office).place(PLACE)
    assert (await office.booking()).status == "awaiting_confirmation"
    await office.confirmed()
    assert (await process(office).place(PLACE)).status == "confirmed"
