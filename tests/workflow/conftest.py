"""Both processes on the real servers: a worker of the test's own, on its own database."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client

from entrypoints.settings import Settings
from entrypoints.wiring import BoxOffice, box_office, worker
from ticketing.booking.commands import PlaceBooking
from ticketing.ids import BookingId, ClientId, ConcertId, PaymentId
from ticketing.money import Money
from ticketing.payment.commands import ReceivePayment
from ticketing.reservations.api import Concert, PriceZone
from ticketing.seats import Seat
from workflows.client import OrchestratedBookingProcess

CONCERT = ConcertId("concertA")
FREE_CONCERT = ConcertId("freeConcert")
OPEN_END_CONCERT = ConcertId("openEnd")
HOLD = timedelta(hours=6)
PRICE = Money(amount_minor=500, currency="EUR")
PATIENCE = timedelta(seconds=20)


@dataclass(frozen=True)
class Stage:
    """What a workflow test works with."""

    parts: BoxOffice
    settings: Settings
    process: OrchestratedBookingProcess


@pytest.fixture
async def stage(database: str, client: Client, task_queue: str) -> AsyncIterator[Stage]:
    settings = Settings(database_url=database, task_queue=task_queue)
    async with box_office(settings) as parts:
        for concert_id, price, hold in (
            (CONCERT, PRICE, HOLD),
            (FREE_CONCERT, Money(amount_minor=0, currency="EUR"), HOLD),
            (OPEN_END_CONCERT, PRICE, None),
        ):
            await parts.reservations.add_concert(_concert(concert_id, price, hold))
        yield Stage(
            parts, settings, OrchestratedBookingProcess(client, task_queue, patience=PATIENCE)
        )


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


def _concert(concert_id: ConcertId, price: Money, hold: timedelta | None) -> Concert:
    return Concert(
        concert_id=concert_id,
        title=concert_id,
        starts_at=datetime(2030, 1, 1, 20, tzinfo=UTC),
        currency="EUR",
        hold=hold,
        zones=(PriceZone(first_row=1, last_row=3, seats_per_row=10, price=price),),
    )
