"""Which of the two processes this deployment runs: its clients, and its consumers of the log."""

from temporalio.client import Client

from choreography.client import ChoreographedBookingProcess
from entrypoints.choreographed import Choreography
from entrypoints.devstack.stack import Stack
from entrypoints.settings import Settings
from entrypoints.temporal import connect_temporal
from entrypoints.wiring import BoxOffice, ConsumerOfOurs, consumer, consumers
from ticketing.process import BookingProcess
from workflows.client import OrchestratedBookingProcess


async def booking_process(settings: Settings, parts: BoxOffice) -> BookingProcess:
    """The client's side of the process."""
    match settings.process:
        case "orchestrated":
            client = await connect_temporal(settings)
            return OrchestratedBookingProcess(
                client, settings.task_queue, patience=settings.client_patience
            )
        case "choreographed":
            return choreographed(settings, parts)


def booking_process_on(stack: Stack, parts: BoxOffice) -> BookingProcess:
    """The client's side of the process that runs on a stack of this machine."""
    settings = stack.settings
    if settings.process == "choreographed":
        return choreographed(settings, parts)
    return OrchestratedBookingProcess(
        stack.client, settings.task_queue, patience=settings.client_patience
    )


def choreographed(settings: Settings, parts: BoxOffice) -> ChoreographedBookingProcess:
    """The client's side of the choreography, which needs no other server."""
    return ChoreographedBookingProcess(
        parts.bookings, parts.payments, parts.doorbell, patience=settings.client_patience
    )


async def temporal_of(settings: Settings) -> Client | None:
    """The client of Temporal; None in a deployment that has none."""
    return await connect_temporal(settings) if settings.process == "orchestrated" else None


def members(settings: Settings, parts: BoxOffice, client: Client | None) -> list[ConsumerOfOurs]:
    """One member of each consumer; the client is `temporal_of` the settings."""
    if client is not None:
        return consumers(client, settings, parts)
    subscriptions = Choreography(settings, parts).subscriptions()
    return [consumer(parts, each) for each in subscriptions]
