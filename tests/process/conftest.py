"""Both processes on the real servers: a worker of the test's own, on its own database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from temporalio.client import Client, WorkflowHandle

from entrypoints.settings import Settings
from entrypoints.temporal import worker
from entrypoints.wiring import BoxOffice, box_office
from eventstore.slices import StreamId
from ticketing.booking.commands import BookingCommand, PayBooking, PlaceBooking
from ticketing.booking.events import BookingStatus
from ticketing.booking.rejections import BookingRejection
from ticketing.command_handler import Accepted
from ticketing.ids import BookingId, ClientId, ConcertId, PaymentId
from ticketing.money import Money
from ticketing.notifications.api import Notification, NotificationKind
from ticketing.notifications.postgres import PostgresNotifier
from ticketing.payment.commands import ReceivePayment
from ticketing.reservations.api import Concert, PriceZone
from ticketing.seats import Seat
from workflows.booking import BookingWorkflow
from workflows.client import OrchestratedBookingProcess
from workflows.messages import BookingOutcome

CONCERT = ConcertId("concertA")
FREE_CONCERT = ConcertId("freeConcert")
OPEN_END_CONCERT = ConcertId("openEnd")
HOLD = timedelta(hours=6)
PRICE = Money(amount_minor=500, currency="EUR")
PATIENCE = timedelta(seconds=45)  # below the timeout of a test


@dataclass(frozen=True)
class Stage:
    """What a workflow test works with."""

    parts: BoxOffice
    settings: Settings
    process: OrchestratedBookingProcess
    notifications: list[Notification]

    async def held(self, booking_id: str, concert: ConcertId = CONCERT) -> int:
        """How many seats the booking holds."""
        seats = await self.parts.reservations.seats(concert)
        return sum(seat.booking_id == booking_id for seat in seats)

    async def events(self, booking_id: str) -> list[str]:
        stream = await self.parts.store.read_stream(StreamId(f"booking-{booking_id}"))
        return [event.type for event in stream]

    async def execute(self, command: BookingCommand) -> BookingStatus | BookingRejection:
        """Somebody else's command to the entity, past the process: the status then, or a no."""
        answer = await self.parts.bookings.execute(command, command_id=uuid4(), metadata={})
        if not isinstance(answer, Accepted):
            return answer
        assert answer.state is not None
        return answer.state.status

    def told(self, booking_id: str) -> list[NotificationKind]:
        """What the client was told of the booking, in order."""
        return [each.kind for each in self.notifications if each.booking_id == booking_id]

    def changed(self, **settings: object) -> Settings:
        """The settings, some of them changed."""
        return self.settings.model_copy(update=settings)


@asynccontextmanager
async def opened_stage(settings: Settings, client: Client) -> AsyncIterator[Stage]:
    """A stage on a database without concerts."""
    notifications: list[Notification] = []

    async def send(notification: Notification) -> None:
        notifications.append(notification)

    async with box_office(settings) as opened:
        parts = replace(opened, notifier=PostgresNotifier(opened.pool, send))
        for concert_id, price, hold in (
            (CONCERT, PRICE, HOLD),
            (FREE_CONCERT, Money(amount_minor=0, currency="EUR"), HOLD),
            (OPEN_END_CONCERT, PRICE, None),
        ):
            await parts.reservations.add_concert(concert(concert_id, price, hold))
        process = OrchestratedBookingProcess(client, settings.task_queue, patience=PATIENCE)
        yield Stage(parts, settings, process, notifications)


@pytest.fixture
async def stage(database: str, client: Client, task_queue: str) -> AsyncIterator[Stage]:
    settings = Settings(database_url=database, task_queue=task_queue)
    async with opened_stage(settings, client) as stage:
        yield stage


@pytest.fixture
async def running(stage: Stage, client: Client) -> AsyncIterator[Stage]:
    """The stage with a worker."""
    async with worker(client, stage.settings, stage.parts):
        yield stage


def place(booking_id: str, *seats: str, concert: ConcertId = CONCERT) -> PlaceBooking:
    return PlaceBooking(
        booking_id=BookingId(booking_id),
        client_id=ClientId("ann"),
        concert_id=concert,
        seats=tuple(map(Seat.parse, seats)),
    )


def payment(booking_id: str, payment_id: str = "p1", amount: Money = PRICE) -> ReceivePayment:
    return ReceivePayment(
        payment_id=PaymentId(payment_id),
        booking_id=BookingId(booking_id),
        payer="ann",
        amount=amount,
        provider="sandbox",
        provider_ref="ref",
        captured_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def paid(booking_id: str, amount: Money = PRICE) -> PayBooking:
    """The command of a payment's process to the booking."""
    return PayBooking(booking_id=BookingId(booking_id), payment_id=PaymentId("p1"), amount=amount)


async def timers(process: WorkflowHandle[BookingWorkflow, BookingOutcome]) -> list[timedelta]:
    """The lengths of the timers that a process set, in order."""
    events = (await process.fetch_history()).events
    return [
        event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta()
        for event in events
        if event.HasField("timer_started_event_attributes")
    ]


def concert(concert_id: ConcertId, price: Money, hold: timedelta | None) -> Concert:
    return Concert(
        concert_id=concert_id,
        title=concert_id,
        starts_at=datetime(2030, 1, 1, 20, tzinfo=UTC),
        currency="EUR",
        hold=hold,
        zones=(PriceZone(first_row=1, last_row=3, seats_per_row=10, price=price),),
    )
