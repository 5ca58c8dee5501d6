"""What coordinates, for the demo: it ends between reserve and confirm, as by a power cut.

As soon as seats are held, and before anybody else can hear of it, the process sends itself SIGKILL.
Everything else is the real worker or, in the choreography, the real consumers.
"""

import asyncio
import os
import signal
from dataclasses import replace
from typing import Any, cast

from entrypoints.consumers import consume
from entrypoints.settings import Settings
from entrypoints.temporal import connect_temporal, worker
from entrypoints.wiring import box_office
from ticketing.ids import BookingId, ConcertId
from ticketing.reservations.api import (
    NothingToRelease,
    Refusal,
    Released,
    ReservationService,
    Reserved,
)
from ticketing.seats import Seat


class KilledOnceSeatsAreHeld:
    """A reservation service that kills its process as soon as seats are held."""

    def __init__(self, service: ReservationService) -> None:
        self._service = service

    async def reserve(
        self, booking_id: BookingId, attempt: int, concert_id: ConcertId, seats: tuple[Seat, ...]
    ) -> Refusal:
        answer = await self._service.reserve(booking_id, attempt, concert_id, seats)
        if isinstance(answer, Reserved):
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError("SIGKILL does not return")
        return answer

    async def release(self, booking_id: BookingId, attempt: int) -> Released | NothingToRelease:
        return await self._service.release(booking_id, attempt)


async def main() -> None:
    settings = Settings()
    async with box_office(settings) as opened:
        reservations = cast(Any, KilledOnceSeatsAreHeld(opened.reservations))
        parts = replace(opened, reservations=reservations)
        if settings.process == "choreographed":
            await consume(settings, parts, None, asyncio.Event())
            return
        async with worker(await connect_temporal(settings), settings, parts):
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
