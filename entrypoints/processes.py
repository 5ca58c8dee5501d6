"""Which of the two processes this deployment runs: its clients, and its consumers of the log."""

import asyncpg

from choreography.client import ChoreographedBookingProcess
from entrypoints.choreographed import Choreography
from entrypoints.settings import Settings
from entrypoints.system import Stack
from entrypoints.wiring import BoxOffice, connect_temporal, consumer, consumers
from eventstore.consumer import Consumer
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


async def members(settings: Settings, parts: BoxOffice) -> list[Consumer[asyncpg.Connection]]:
    """One member of each consumer."""
    match settings.process:
        case "orchestrated":
            return consumers(await connect_temporal(settings), settings, parts)
        case "choreographed":
            subscriptions = Choreography(settings, parts).subscriptions()
            return [consumer(parts, each) for each in subscriptions]
