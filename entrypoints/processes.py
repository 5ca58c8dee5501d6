"""Which of the two processes this deployment runs: its clients, its consumers and its sweeps."""

import asyncpg
from temporalio.client import Client

from choreography import reactions
from choreography.booking_expiration import Sweep
from choreography.client import ChoreographedBookingProcess
from choreography.services import Services
from entrypoints.settings import Settings
from entrypoints.temporal import connect_temporal
from entrypoints.wiring import BoxOffice, ConsumerOfOurs, consumer, projections, terms
from eventstore.consumer import Subscription
from eventstore.delivery import AtLeastOnce
from eventstore.slices import Category
from ticketing.process import BookingProcess
from workflows.client import OrchestratedBookingProcess
from workflows.process_starter import ProcessStarter

Subscriptions = list[Subscription[asyncpg.Connection]]


async def temporal_of(settings: Settings) -> Client | None:
    """Connect to Temporal; None in the choreography, which does without it."""
    return await connect_temporal(settings) if settings.process == "orchestrated" else None


def booking_process(settings: Settings, parts: BoxOffice, client: Client | None) -> BookingProcess:
    """Return the client's side of the process; the choreography needs no client of Temporal."""
    if settings.process == "choreographed":
        return ChoreographedBookingProcess(
            parts.bookings, parts.payments, parts.doorbell, patience=settings.client_patience
        )
    assert client is not None  # `temporal_of` these settings
    return OrchestratedBookingProcess(
        client, settings.task_queue, patience=settings.client_patience
    )


def members(settings: Settings, parts: BoxOffice, client: Client | None) -> list[ConsumerOfOurs]:
    """Return a member of each consumer: of the views', and of those that drive the process."""
    if settings.process == "choreographed":
        driving: Subscriptions = reactions.subscriptions(services(settings, parts))
    else:
        assert client is not None  # `temporal_of` these settings
        driving = process_starters(client, settings)
    return [consumer(parts, subscription) for subscription in [*projections(parts), *driving]]


def sweeps(settings: Settings, parts: BoxOffice) -> list[Sweep]:
    """Return what the choreography looks for every so often; Temporal has timers instead."""
    if settings.process == "orchestrated":
        return []
    return reactions.sweeps(services(settings, parts), parts.views, parts.payment_views)


def services(settings: Settings, parts: BoxOffice) -> Services:
    """Return what the steps of the choreography are given."""
    return Services(
        bookings=parts.bookings,
        payments=parts.payments,
        reservations=parts.reservations,
        provider=parts.provider,
        receipts=parts.receipts,
        notifier=parts.notifier,
        terms=terms(settings),
    )


def process_starters(client: Client, settings: Settings) -> Subscriptions:
    """Return the consumers that start the processes of bookings and of payments in Temporal."""
    starter = ProcessStarter(client, settings.task_queue)
    return [
        Subscription(
            "booking-process-starter", Category("booking"), AtLeastOnce(starter.on_booking_event)
        ),
        Subscription(
            "payment-process-starter", Category("payment"), AtLeastOnce(starter.on_payment_event)
        ),
    ]
