"""An expiry that is told no, whatever the reason, ends in order or fails by that reason's name."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import cast
from uuid import UUID

from temporalio.client import Client, WorkflowFailureError

from entrypoints.temporal import worker
from eventstore.api import Metadata
from eventstore.slices import StreamId
from tests.process.conftest import PRICE, Stage, concert, place
from tests.unit.test_rejections import BOOKING_REJECTIONS
from ticketing.booking.commands import BookingCommand, ExpireBooking
from ticketing.booking.events import BookingEvent
from ticketing.booking.rejections import BookingRejection
from ticketing.booking.state import Booking
from ticketing.command_handler import Accepted, BookingHandler
from ticketing.ids import BookingId, ConcertId
from workflows.client import booking_handle

NO_HOLD = ConcertId("noHold")
ENDS_AS = {
    "BookingIsDenied": "denied",
    "BookingIsCancelled": "cancelled",
    "BookingIsExpired": "expired",
    "BookingIsAlreadySettled": "settled",
    "TooEarlyToExpire": "expired",  # at the next try
}


@dataclass
class RefusesToExpire:
    """A command handler that answers the first expiry of a booking as it is told."""

    handler: BookingHandler
    answers: dict[BookingId, BookingRejection] = field(default_factory=dict)

    async def execute(
        self, command: BookingCommand, *, command_id: UUID, metadata: Metadata
    ) -> Accepted[Booking | None, BookingEvent] | BookingRejection:
        if isinstance(command, ExpireBooking) and command.booking_id in self.answers:
            return self.answers.pop(command.booking_id)
        return await self.handler.execute(command, command_id=command_id, metadata=metadata)

    async def read(self, stream: StreamId) -> Booking | None:
        return await self.handler.read(stream)


async def test_fault_6_no_rejection_crashes_an_expiry(stage: Stage, client: Client) -> None:
    await stage.parts.reservations.add_concert(concert(NO_HOLD, PRICE, timedelta(0)))
    refusing = RefusesToExpire(stage.parts.bookings)
    parts = replace(stage.parts, bookings=cast(BookingHandler, refusing))
    async with worker(client, stage.settings, parts):
        for number, rejection in enumerate(BOOKING_REJECTIONS, 1):
            request = place(f"b{number}", f"{number // 10 + 1}-{number % 10 + 1}", concert=NO_HOLD)
            refusing.answers[request.booking_id] = rejection
            await stage.process.place(request)

        ends = [
            await _end(client, BookingId(f"b{number}"))
            for number in range(1, len(BOOKING_REJECTIONS) + 1)
        ]

    assert ends == [
        ENDS_AS.get(each.type, f"{each.type}: unexpected {each!r}") for each in BOOKING_REJECTIONS
    ]


async def _end(client: Client, booking_id: BookingId) -> str:
    """How the process ended; of a failed one, why."""
    try:
        return (await booking_handle(client, booking_id).result()).status
    except WorkflowFailureError as failure:
        return str(failure.cause)
