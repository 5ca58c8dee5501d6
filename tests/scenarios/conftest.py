"""Both twins on the real servers, behind one face: each scenario runs on either."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol, cast

import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.testing import TimeSkipper

from choreography.booking_expiration import run_sweeps
from entrypoints.processes import booking_process, members, sweeps
from entrypoints.settings import Settings
from entrypoints.temporal import worker
from entrypoints.wiring import BoxOffice, box_office
from eventstore.slices import StreamId
from tests.support.clock import Clock
from tests.support.gates import Gate, GatedReservations
from tests.support.provider import Provider
from ticketing.booking.commands import PlaceBooking
from ticketing.booking.state import Booking
from ticketing.errors import TransientError
from ticketing.ids import BookingId, ClientId, ConcertId, PaymentId, booking_stream, payment_stream
from ticketing.money import Money
from ticketing.notifications.api import Notification, NotificationKind
from ticketing.notifications.postgres import PostgresNotifier
from ticketing.payment.state import Payment
from ticketing.payment_provider.api import CaptureRequest, ProviderPayment
from ticketing.process import BookingProcess, PaymentOutcome
from ticketing.reservations.api import Concert, PriceZone
from ticketing.reservations.postgres import PostgresReservations
from ticketing.seats import Seat
from ticketing.verification.api import Finding
from workflows.client import OrchestratedBookingProcess

HOLD = timedelta(hours=6)
PRICE = Money(amount_minor=500, currency="EUR")
CONCERT, FREE, OPEN_END = ConcertId("concertA"), ConcertId("freeConcert"), ConcertId("openEnd")
SHORT, SHORT_HOLD = ConcertId("short"), timedelta(seconds=2)
ON_SALE = (
    (SHORT, PRICE, SHORT_HOLD),
    (CONCERT, PRICE, HOLD),
    (FREE, Money(amount_minor=0, currency="EUR"), HOLD),
    (OPEN_END, PRICE, None),
)
# A client is promised an answer within 30 s, the default of client_patience_seconds. A wait ends at
# once when the thing happens: within a second, or ten where ten programs want each core. Meanwhile
# the server may lose a workflow task (10 s) and the news of an end (5 s): docs/decisions/0015.
PATIENCE = A_MOMENT = timedelta(seconds=30)
SWEEP_EVERY = timedelta(milliseconds=100)
SLOW = BookingId("slow")  # its reservation stands at the gate until that is opened


class Passing(Protocol):
    """Lets the time of running processes pass; the database's clock has been moved already."""

    async def __call__(self, by: timedelta) -> None: ...


@dataclass
class Twin:
    """One of the two processes, with everything it stands on; the process asks at the gate."""

    name: str
    parts: BoxOffice
    process: BookingProcess
    provider: Provider
    told: list[Notification]
    clock: Clock
    gate: Gate
    _pass: Passing

    async def pass_time(self, by: timedelta) -> None:
        """For the database, then for the processes that run."""
        await self.clock.advance(by)
        await self._pass(by)

    async def capture(
        self, booking_id: str, payment_id: str = "p1", amount: Money = PRICE
    ) -> ProviderPayment:
        """The client pays at the provider; nobody told us yet. An unknown outcome: ask again."""
        request = CaptureRequest(
            payment_id=PaymentId(payment_id),
            booking_id=BookingId(booking_id),
            payer="ann",
            amount=amount,
        )
        async with asyncio.timeout(A_MOMENT.total_seconds()):
            while True:
                try:
                    captured = await self.parts.provider.capture(request)
                except TransientError:
                    continue
                assert isinstance(captured, ProviderPayment)
                return captured

    async def pay(
        self, booking_id: str, payment_id: str = "p1", amount: Money = PRICE
    ) -> PaymentOutcome:
        """The client pays, and we are told at once."""
        captured = await self.capture(booking_id, payment_id, amount)
        return await self.process.pay(captured.received())

    async def booking(self, booking_id: str) -> Booking:
        found = await self.parts.bookings.read(StreamId(booking_stream(BookingId(booking_id))))
        assert found is not None
        return found

    async def payment(self, payment_id: str) -> Payment | None:
        return await self.parts.payments.read(StreamId(payment_stream(PaymentId(payment_id))))

    async def held(self, booking_id: str, concert: ConcertId = CONCERT) -> int:
        seats = await self.parts.reservations.seats(concert)
        return sum(seat.booking_id == booking_id for seat in seats)

    async def events(self, booking_id: str) -> list[str]:
        stream = StreamId(booking_stream(BookingId(booking_id)))
        return [each.type for each in await self.parts.store.read_stream(stream)]

    def kinds_told(self, booking_id: str) -> list[NotificationKind]:
        """What the client was told of the booking, in order."""
        return [each.kind for each in self.told if each.booking_id == booking_id]

    async def until_booking(self, booking_id: str, *statuses: str, holding: int) -> None:
        """Wait until the booking is in one of the statuses and holds so many seats."""
        async with asyncio.timeout(A_MOMENT.total_seconds()):
            while True:
                heard = self.parts.doorbell.heard()
                status = (await self.booking(booking_id)).status
                if status in statuses and await self.held(booking_id) == holding:
                    return
                await self.parts.doorbell.wait(SWEEP_EVERY, after=heard)

    async def until_payment(self, payment_id: str, *statuses: str) -> None:
        """Wait until the payment is in one of the statuses."""
        async with asyncio.timeout(A_MOMENT.total_seconds()):
            while True:
                heard = self.parts.doorbell.heard()
                payment = await self.payment(payment_id)
                if payment is not None and payment.status in statuses:
                    return
                await self.parts.doorbell.wait(SWEEP_EVERY, after=heard)

    async def until_told(self, kind: str, about: str) -> Notification:
        """Wait until the client was told."""
        async with asyncio.timeout(A_MOMENT.total_seconds()):
            while True:
                for each in self.told:
                    if (each.kind, each.about) == (kind, about):
                        return each
                await asyncio.sleep(SWEEP_EVERY.total_seconds())

    async def all_quiet(self) -> tuple[Finding, ...]:
        """What is still wrong when the last steps had a moment to end."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + A_MOMENT.total_seconds()
        while True:
            findings = await self.verify()
            if not findings or loop.time() > deadline:
                return findings
            await asyncio.sleep(SWEEP_EVERY.total_seconds())

    async def verify(self) -> tuple[Finding, ...]:
        ledger = await self.parts.provider.ledger()
        return (
            *await self.parts.verification.verify_business(),
            *await self.parts.verification.verify_provider(ledger),
        )


@pytest.fixture
def settings(
    request: pytest.FixtureRequest, database: str, task_queue: str, provider: Provider
) -> Settings:
    """The scenario's settings; `@pytest.mark.settings(late_payment="refund")` changes some."""
    marker = request.node.get_closest_marker("settings")
    changes = marker.kwargs if marker else {}
    return Settings(
        database_url=database, task_queue=task_queue, provider_url=provider.url, **changes
    )


@pytest.fixture(params=["orchestrated", "choreographed"])
async def twin(
    request: pytest.FixtureRequest,
    settings: Settings,
    provider: Provider,
    clock: Clock,
    client: Client,
) -> AsyncIterator[Twin]:
    told: list[Notification] = []

    async def send(notification: Notification) -> None:
        told.append(notification)

    async with box_office(settings) as opened:
        parts = replace(opened, notifier=PostgresNotifier(opened.pool, send))
        for concert_id, price, hold in ON_SALE:
            await parts.reservations.add_concert(on_sale(concert_id, price, hold))
        orchestrated = request.param == "orchestrated"
        gate = Gate("reserve", SLOW)
        behind = cast(PostgresReservations, GatedReservations(parts.reservations, gate))
        gated = replace(parts, reservations=behind)
        started = (
            _orchestrated(gated, settings, client)
            if orchestrated
            else _choreographed(gated, settings.model_copy(update={"process": "choreographed"}))
        )
        async with started as (process, passing):
            yield Twin(request.param, parts, process, provider, told, clock, gate, passing)
            gate.opened.set()


@asynccontextmanager
async def _orchestrated(
    parts: BoxOffice, settings: Settings, client: Client
) -> AsyncIterator[tuple[BookingProcess, Passing]]:
    skipper = TimeSkipper(client)
    passed = timedelta()
    ahead: dict[str, timedelta] = {}  # of each process; a new one starts at the machine's time

    async def passing(by: timedelta) -> None:
        nonlocal passed
        passed += by
        async with asyncio.TaskGroup() as group:
            async for each in client.list_workflows():
                handle = client.get_workflow_handle(each.id)
                if (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
                    skip = passed - ahead.get(each.id, timedelta())
                    ahead[each.id] = passed
                    group.create_task(skipper.fast_forward(handle, skip))

    async with worker(client, settings, parts), asyncio.TaskGroup() as group:
        running = [group.create_task(each.run()) for each in members(settings, parts, client)]
        yield (
            OrchestratedBookingProcess(client, settings.task_queue, patience=PATIENCE),
            passing,
        )
        for each in running:
            each.cancel()


@asynccontextmanager
async def _choreographed(
    parts: BoxOffice, settings: Settings
) -> AsyncIterator[tuple[BookingProcess, Passing]]:
    async def passing(by: timedelta) -> None:
        """Nothing to do: the sweeps ask the database's clock."""

    async with asyncio.TaskGroup() as group:
        running = [group.create_task(each.run()) for each in members(settings, parts, None)]
        running.append(group.create_task(run_sweeps(sweeps(settings, parts), SWEEP_EVERY)))
        yield booking_process(settings, parts, None), passing
        for each in running:
            each.cancel()


def place(booking_id: str, *seats: str, concert: ConcertId = CONCERT) -> PlaceBooking:
    return PlaceBooking(
        booking_id=BookingId(booking_id),
        client_id=ClientId("ann"),
        concert_id=concert,
        seats=tuple(map(Seat.parse, seats)),
    )


def on_sale(concert_id: ConcertId, price: Money, hold: timedelta | None) -> Concert:
    return Concert(
        concert_id=concert_id,
        title=concert_id,
        starts_at=datetime(2030, 1, 1, 20, tzinfo=UTC),
        currency="EUR",
        hold=hold,
        zones=(PriceZone(first_row=1, last_row=30, seats_per_row=10, price=price),),
    )
