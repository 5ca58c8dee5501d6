"""Runs the consumers of the log: views and process starter, or the whole choreography."""

import asyncio
from datetime import timedelta

from temporalio.client import Client

from choreography.booking_expiration import run_sweeps
from entrypoints.interrupts import draining
from entrypoints.observability.health import Readiness, health, routes
from entrypoints.observability.telemetry import configure
from entrypoints.processes import members, sweeps, temporal_of
from entrypoints.settings import Settings
from entrypoints.wiring import BoxOffice, box_office, needs_of

FINISH_WITHIN = timedelta(seconds=8)  # a member that says nothing for longer is taken for dead


async def run_consumers() -> None:
    """Run one member of each consumer until SIGTERM or Ctrl-C."""
    configure("box-office-consumers")
    settings = Settings()
    async with draining() as drain, box_office(settings) as parts:
        client = await temporal_of(settings)
        router = routes(Readiness(drain, needs_of(parts, client)), parts.metrics, parts.measure)
        async with health(settings, router):
            await consume(settings, parts, client, drain)


async def consume(
    settings: Settings, parts: BoxOffice, client: Client | None, stopping: asyncio.Event
) -> None:
    """Run the consumers, and the sweeps of the choreography; events in hand are finished.

    The client is `temporal_of` the settings.
    """
    consumers = members(settings, parts, client)
    frequency = timedelta(seconds=settings.expiration_poll_seconds)
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(consumer.run()) for consumer in consumers]
        sweeping = group.create_task(run_sweeps(sweeps(settings, parts), frequency))
        await stopping.wait()
        sweeping.cancel()
        for consumer in consumers:
            consumer.stop()
        _, late = await asyncio.wait(running, timeout=FINISH_WITHIN.total_seconds())
        for task in late:
            task.cancel()
