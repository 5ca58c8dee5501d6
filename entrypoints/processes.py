"""Which of the two processes this deployment runs: its clients, and its consumers of the log."""

from temporalio.client import Client

from choreography.client import ChoreographedBookingProcess
from entrypoints.choreographed import Choreography
from entrypoints.settings import Settings
from entrypoints.temporal import connect_temporal
from entrypoints.wiring import BoxOffice, ConsumerOfOurs, consumer, consumers
from ticketing.process import BookingProcess
from workflows.client import OrchestratedBookingProcess


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
    """Return one member of each consumer; the client of Temporal is `temporal_of` the settings."""
    if client is not None:
        return consumers(client, settings, parts)
    subscriptions = Choreography(settings, parts).subscriptions()
    return [consumer(parts, subscription) for subscription in subscriptions]
