"""Where a test works: the services on its own database, a process in front of them, the mail."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import uuid4

from temporalio.client import Client, WorkflowHandle

from entrypoints.devstack.cluster import as_role
from entrypoints.roles import name_of
from entrypoints.settings import Settings
from entrypoints.wiring import BoxOffice, box_office
from eventstore.errors import TransientError
from eventstore.slices import StreamId
from tests.support.builders import (
    CONCERT,
    FREE,
    HOLD,
    NOTHING,
    OPEN_END,
    PRICE,
    capture_request,
    concert,
)
from tests.support.waiting import eventually, insist
from ticketing.booking.commands import BookingCommand
from ticketing.booking.events import BookingStatus
from ticketing.booking.rejections import BookingRejection
from ticketing.booking.state import Booking
from ticketing.command_handler import Accepted
from ticketing.ids import BookingId, ConcertId, PaymentId, booking_stream, payment_stream
from ticketing.money import Money
from ticketing.notifications.api import Notification, NotificationKind
from ticketing.notifications.postgres import PostgresNotifier
from ticketing.payment.state import Payment
from ticketing.payment_provider.api import PaymentProvider, ProviderPayment
from ticketing.process import BookingProcess, PaymentOutcome
from workflows.client import OrchestratedBookingProcess

# A client is promised an answer within 30 s, the default of client_patience_seconds. A wait ends at
# once when the thing happens: within a second, or ten where ten programs want each core. Meanwhile
# the server may lose a workflow task (10 s) and the news of an end (5 s): docs/decisions/0015.
PATIENCE = timedelta(seconds=30)

Mailing: TypeAlias = tuple[BoxOffice, list[Notification]]


@dataclass(frozen=True)
class Stage:
    """The services, and a process that a worker or consumers of the test's own may lead."""

    parts: BoxOffice
    settings: Settings
    process: BookingProcess
    notifications: list[Notification]

    async def held(self, booking_id: str, concert: ConcertId = CONCERT) -> int:
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
        return [message.kind for message in self.notifications if message.booking_id == booking_id]

    async def capture(
        self, booking_id: str, payment_id: str = "p1", amount: Money = PRICE
    ) -> ProviderPayment:
        """The client pays at the provider; nobody told us yet."""
        return await captured(self.parts.provider, booking_id, payment_id, amount)

    async def pay(
        self, booking_id: str, payment_id: str = "p1", amount: Money = PRICE
    ) -> PaymentOutcome:
        paid = await self.capture(booking_id, payment_id, amount)
        return await self.process.pay(paid.report())

    def changed(self, **settings: object) -> Settings:
        return self.settings.model_copy(update=settings)

    async def booking(self, booking_id: str) -> Booking:
        found = await self.parts.bookings.read(booking_stream(BookingId(booking_id)))
        assert found is not None
        return found

    async def payment(self, payment_id: str) -> Payment | None:
        return await self.parts.payments.read(payment_stream(PaymentId(payment_id)))

    async def until_booking(self, booking_id: str, *statuses: str, holding: int) -> None:
        async def is_so() -> bool:
            status = (await self.booking(booking_id)).status
            return status in statuses and await self.held(booking_id) == holding

        await eventually(is_so, f"{booking_id} is {statuses} and holds {holding}", PATIENCE)

    async def until_payment(self, payment_id: str, *statuses: str) -> None:
        async def is_so() -> bool:
            payment = await self.payment(payment_id)
            return payment is not None and payment.status in statuses

        await eventually(is_so, f"{payment_id} is {statuses}", PATIENCE)

    async def until_told(self, kind: str, about: str) -> Notification:
        async def messages() -> list[Notification]:
            return [one for one in self.notifications if (one.kind, one.about) == (kind, about)]

        return (await eventually(messages, f"the client is told: {kind} {about}", PATIENCE))[0]


async def captured(
    provider: PaymentProvider, booking_id: str, payment_id: str = "p1", amount: Money = PRICE
) -> ProviderPayment:
    """Money that the provider has. An outcome that is unknown is asked for again."""
    request = capture_request(booking_id, payment_id, amount)
    answer = await insist(lambda: provider.capture(request), TransientError)
    assert isinstance(answer, ProviderPayment)
    return answer


def connecting_as(role: str, settings: Settings) -> Settings:
    """The settings of a program, which connects to the database with a role of its own."""
    url = as_role(str(settings.database_url), name_of(role))
    return settings.model_copy(update={"database_url": url})


def telling(parts: BoxOffice, told: list[Notification]) -> BoxOffice:
    """Parts whose mail ends in a list."""

    async def send(notification: Notification) -> None:
        told.append(notification)

    return replace(parts, notifier=PostgresNotifier(parts.pool, send))


@asynccontextmanager
async def mailing_office(settings: Settings, rows: int) -> AsyncIterator[Mailing]:
    told: list[Notification] = []
    async with box_office(settings) as opened:
        for on_sale in (
            concert(CONCERT, PRICE, HOLD, rows),
            concert(FREE, NOTHING, HOLD, rows),
            concert(OPEN_END, PRICE, None, rows),
        ):
            await opened.reservations.add_concert(on_sale)
        yield telling(opened, told), told


@asynccontextmanager
async def opened_stage(settings: Settings, client: Client) -> AsyncIterator[Stage]:
    """A stage in front of a worker that does not work yet."""
    async with mailing_office(settings, rows=3) as (parts, told):
        process = OrchestratedBookingProcess(client, settings.task_queue, patience=PATIENCE)
        yield Stage(parts, settings, process, told)


async def until_it_waits(process: WorkflowHandle[Any, Any]) -> None:
    async for event in process.fetch_history_events(wait_new_event=True):
        if event.HasField("timer_started_event_attributes"):
            return
