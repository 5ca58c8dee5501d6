"""The bookings of the deploy drill: many at once, each with the end that it has to come to."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from temporalio.client import Client
from temporalio.common import SearchAttributeKey

from entrypoints.demo.story import PATIENCE, check, come_true, pay
from entrypoints.processes import booking_process
from entrypoints.settings import Settings
from entrypoints.wiring import BoxOffice
from ticketing.booking.commands import PlaceBooking
from ticketing.booking.events import BookingStatus
from ticketing.ids import BookingId, ClientId, ConcertId, booking_stream
from ticketing.money import Money
from ticketing.process import PaymentOutcome
from ticketing.seats import Seat
from workflows.client import booking_handle

CONCERTS = Path(__file__).with_name("concerts.json")
AT_ONCE = 10  # requests under way; more only wait in line
SLOW, QUICK = ConcertId("drillSlow"), ConcertId("drillQuick")
PRICE = Money(amount_minor=500, currency="EUR")
SEATS_PER_ROW = 50
VERSION = SearchAttributeKey.for_keyword("TemporalWorkerDeploymentVersion")

T = TypeVar("T")


class Bookings:
    """All bookings of the drill."""

    def __init__(self, client: Client, parts: BoxOffice, settings: Settings) -> None:
        self._client = client
        self._parts = parts
        self._process = booking_process(settings, parts, client)
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._seats_taken = Counter[ConcertId]()
        self.ends: dict[BookingId, BookingStatus] = {}

    async def place(self, name: str, number: int, *, ends: BookingStatus) -> list[PlaceBooking]:
        """Book one seat each, as many clients would; note the end that the bookings will come to.

        All are confirmed.
        """
        concert = QUICK if ends == "expired" else SLOW
        requests = [
            PlaceBooking(
                booking_id=BookingId(f"{name}-{count}"),
                client_id=ClientId(name),
                concert_id=concert,
                seats=(self._free_seat(concert),),
            )
            for count in range(1, number + 1)
        ]
        self.ends.update({request.booking_id: ends for request in requests})
        for decision in await self._all(self._process.place(request) for request in requests):
            check(f"the status of {decision.booking_id}", decision.status, "confirmed")
        return requests

    async def pay(self, requests: Sequence[PlaceBooking]) -> None:
        """Pay them; each payment is applied to its booking."""
        for payment in await self._all(self._pay(request) for request in requests):
            check(f"the payment {payment.payment_id}", payment.status, "applied")

    async def cancel(self, requests: Sequence[PlaceBooking]) -> None:
        """Cancel them."""
        answers = await self._all(
            self._process.cancel(request.booking_id, "drill") for request in requests
        )
        check("how cancelled bookings ended", {answer.status for answer in answers}, {"cancelled"})

    async def all_ended(self) -> None:
        """Check that every booking has come to its end, and to no other."""
        outcomes = await self._all(
            booking_handle(self._client, booking_id).result() for booking_id in self.ends
        )
        check("the ends", {outcome.booking_id: outcome.status for outcome in outcomes}, self.ends)

    async def versions(self, requests: Iterable[PlaceBooking]) -> dict[BookingId, str]:
        """Return the build id of the version that each booking is on."""
        ids: dict[str, BookingId] = {
            booking_stream(request.booking_id): request.booking_id for request in requests
        }

        found: dict[BookingId, str] = {}

        async def known() -> int:
            async for process in self._client.list_workflows("WorkflowType = 'BookingWorkflow'"):
                if process.id in ids and (version := process.typed_search_attributes.get(VERSION)):
                    found[ids[process.id]] = version.rpartition(":")[2]
            return len(found)

        await come_true("how many bookings have a version", known, len(ids))
        return found

    async def _pay(self, request: PlaceBooking) -> PaymentOutcome:
        return await pay(self._process, self._parts, f"pay-{request.booking_id}", request, PRICE)

    async def _all(self, work: Iterable[Awaitable[T]]) -> list[T]:
        async def in_line(request: Awaitable[T]) -> T:
            async with self._at_once:
                return await request

        async with asyncio.timeout(PATIENCE.total_seconds()), asyncio.TaskGroup() as group:
            tasks = [group.create_task(in_line(request)) for request in work]
        return [task.result() for task in tasks]

    def _free_seat(self, concert: ConcertId) -> Seat:
        row, number = divmod(self._seats_taken[concert], SEATS_PER_ROW)
        self._seats_taken[concert] += 1
        return Seat(row=row + 1, number=number + 1)
