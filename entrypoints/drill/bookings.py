"""The bookings of the deploy drill: many at once, each with the end that it has to come to."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from temporalio.client import Client
from temporalio.common import SearchAttributeKey

from entrypoints.demo.story import check
from entrypoints.errors import NotAsTold
from entrypoints.wiring import BoxOffice
from ticketing.booking.commands import PlaceBooking
from ticketing.booking.events import BookingStatus
from ticketing.ids import BookingId, ClientId, ConcertId, PaymentId, booking_stream
from ticketing.money import Money
from ticketing.payment_provider.api import CaptureRequest, ProviderPayment
from ticketing.process import PaymentOutcome
from ticketing.reservations.api import Concert, PriceZone
from ticketing.seats import Seat
from workflows.client import OrchestratedBookingProcess, booking_handle

PATIENCE = timedelta(seconds=90)  # a busy machine; then the drill fails
AT_ONCE = 10  # requests under way; more only wait in line
POLL_SECONDS = 0.3
SLOW, QUICK = ConcertId("drillSlow"), ConcertId("drillQuick")
HOLDS = {SLOW: timedelta(hours=1), QUICK: timedelta(seconds=20)}  # the latter: to expire meanwhile
PRICE = Money(amount_minor=500, currency="EUR")
SEATS_PER_ROW = 50
VERSION = SearchAttributeKey.for_keyword("TemporalWorkerDeploymentVersion")

T = TypeVar("T")


class Bookings:
    """All bookings of the drill."""

    def __init__(self, client: Client, task_queue: str, parts: BoxOffice) -> None:
        self._client = client
        self._parts = parts
        self._process = OrchestratedBookingProcess(client, task_queue, patience=PATIENCE)
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._seats_taken = Counter[ConcertId]()
        self.ends: dict[BookingId, BookingStatus] = {}

    async def put_on_sale(self) -> None:
        """Put a concert with time to pay on sale, and one with nearly none."""
        zone = PriceZone(first_row=1, last_row=20, seats_per_row=SEATS_PER_ROW, price=PRICE)
        for concert_id, hold in HOLDS.items():
            await self._parts.reservations.add_concert(
                Concert(
                    concert_id=concert_id,
                    title="Deploy drill",
                    starts_at=datetime(2100, 1, 1, 20, tzinfo=UTC),
                    currency=PRICE.currency,
                    hold=hold,
                    zones=(zone,),
                )
            )

    def requests(self, name: str, number: int, *, ends: BookingStatus) -> list[PlaceBooking]:
        """Return requests for one seat each; note the end that they will come to."""
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
        return requests

    async def place(self, requests: Sequence[PlaceBooking]) -> None:
        """Place bookings, as many clients would; all are confirmed."""
        decisions = await self._all(self._process.place(request) for request in requests)
        for decision in decisions:
            check(f"the status of {decision.booking_id}", decision.status, "confirmed")

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

        async def known() -> dict[BookingId, str] | None:
            found = {
                ids[process.id]: version.rpartition(":")[2]
                async for process in self._client.list_workflows("WorkflowType = 'BookingWorkflow'")
                if process.id in ids and (version := process.typed_search_attributes.get(VERSION))
            }
            return found if len(found) == len(ids) else None

        return await until(known, "the versions of the bookings")

    async def _pay(self, request: PlaceBooking) -> PaymentOutcome:
        captured = await self._parts.provider.capture(
            CaptureRequest(
                payment_id=PaymentId(f"pay-{request.booking_id}"),
                booking_id=request.booking_id,
                payer=request.client_id,
                amount=PRICE,
            )
        )
        assert isinstance(captured, ProviderPayment), captured
        return await self._process.pay(captured.received())

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


async def until(ask: Callable[[], Awaitable[T | None]], what: str) -> T:
    """Ask until there is an answer.

    Raises:
        NotAsTold: there is none within the drill's patience.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE.total_seconds()
    while (answer := await ask()) is None:
        if loop.time() > deadline:
            raise NotAsTold(f"{what}: not within {PATIENCE}")
        await asyncio.sleep(POLL_SECONDS)
    return answer
