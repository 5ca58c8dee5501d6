"""The choreography's own consumers and sweeps, run by a test on services it has broken."""

import asyncio

import asyncpg

from choreography import reactions
from entrypoints.processes import services
from entrypoints.settings import Settings
from entrypoints.wiring import BoxOffice, projections
from eventstore.consumer import Subscription
from tests.chaos.plans import CALM
from tests.support import builders
from tests.support.gates import Step
from ticketing.booking.commands import CancelBooking
from ticketing.ids import BookingId, booking_stream, command_id


class Trouble:
    """Trips over the reservation of one booking until it is mended."""

    def __init__(self, trips_over: BookingId) -> None:
        self._trips_over: BookingId | None = trips_over
        self.asked_at: list[float] = []

    def mend(self) -> None:
        self._trips_over = None

    async def before(self, step: Step, booking_id: BookingId) -> None:
        if step == "reserve" and booking_id == self._trips_over:
            self.asked_at.append(asyncio.get_running_loop().time())
            raise ValueError("this seat plan cannot be read")


def subscription(
    settings: Settings, parts: BoxOffice, name: str
) -> Subscription[asyncpg.Connection]:
    everybody = [*projections(parts), *reactions.subscriptions(services(settings, parts))]
    [found] = [consumer for consumer in everybody if consumer.name == name]
    return found


async def place(parts: BoxOffice, booking_id: BookingId, row: int) -> None:
    """A booking in the log, and nothing else."""
    request = builders.place(booking_id, f"{row}-1", concert=CALM)
    step = command_id(booking_stream(booking_id), "place")
    await parts.bookings.execute(request, command_id=step, metadata={})


async def cancel(parts: BoxOffice, booking_id: BookingId) -> None:
    request = CancelBooking(booking_id=booking_id, reason="ill", cancelled_by="client")
    step = command_id(booking_stream(booking_id), "cancel")
    await parts.bookings.execute(request, command_id=step, metadata={})
