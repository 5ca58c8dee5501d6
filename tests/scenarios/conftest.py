"""Both twins on the real servers, behind one face: each scenario runs on either."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.testing import TimeSkipper

from choreography.booking_expiration import run_sweeps
from entrypoints.processes import booking_process, members, sweeps
from entrypoints.settings import Settings
from entrypoints.temporal import worker
from entrypoints.wiring import BoxOffice
from tests.support.builders import PRICE, SHORT, concert
from tests.support.clock import Clock
from tests.support.gates import Gate, with_before
from tests.support.provider import Provider
from tests.support.stage import PATIENCE, Stage, mailing_office
from tests.support.waiting import eventually
from ticketing.ids import BookingId
from ticketing.process import BookingProcess
from ticketing.verification.api import Finding
from workflows.client import OrchestratedBookingProcess

SWEEP_EVERY = timedelta(milliseconds=100)
SHORT_HOLD = timedelta(seconds=2)
SLOW = BookingId("slow")  # its reservation stands at the gate until that is opened


class Passing(Protocol):
    """Lets the time of running processes pass; the database's clock has been moved already."""

    async def __call__(self, by: timedelta) -> None: ...


@dataclass(frozen=True)
class Twin(Stage):
    """One of the two processes, with everything it stands on; the process asks at the gate."""

    name: str
    provider: Provider
    clock: Clock
    gate: Gate
    _pass: Passing

    async def pass_time(self, by: timedelta) -> None:
        await self.clock.advance(by)
        await self._pass(by)

    async def all_quiet(self) -> tuple[Finding, ...]:
        """What is still wrong when the last steps had a moment to end."""

        async def nothing_is_wrong() -> bool:
            return not await self.verify()

        with suppress(TimeoutError):
            await eventually(nothing_is_wrong, "nothing is wrong", PATIENCE)
        return await self.verify()

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
    async with mailing_office(settings, rows=30) as (parts, told):
        await parts.reservations.add_concert(concert(SHORT, PRICE, SHORT_HOLD, rows=30))
        orchestrated = request.param == "orchestrated"
        gate = Gate("reserve", SLOW)
        gated = with_before(parts, gate.stop)
        started = (
            _orchestrated(gated, settings, client)
            if orchestrated
            else _choreographed(gated, settings.model_copy(update={"process": "choreographed"}))
        )
        async with started as (process, passing):
            yield Twin(
                parts, settings, process, told, request.param, provider, clock, gate, passing
            )
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
            async for process in client.list_workflows():
                handle = client.get_workflow_handle(process.id)
                if (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
                    skip = passed - ahead.get(process.id, timedelta())
                    ahead[process.id] = passed
                    group.create_task(skipper.fast_forward(handle, skip))

    async with worker(client, settings, parts), asyncio.TaskGroup() as group:
        running = [group.create_task(member.run()) for member in members(settings, parts, client)]
        yield (OrchestratedBookingProcess(client, settings.task_queue, patience=PATIENCE), passing)
        for task in running:
            task.cancel()


@asynccontextmanager
async def _choreographed(
    parts: BoxOffice, settings: Settings
) -> AsyncIterator[tuple[BookingProcess, Passing]]:
    async def passing(by: timedelta) -> None:
        """Nothing to do: the sweeps ask the database's clock."""

    async with asyncio.TaskGroup() as group:
        running = [group.create_task(member.run()) for member in members(settings, parts, None)]
        running.append(group.create_task(run_sweeps(sweeps(settings, parts), SWEEP_EVERY)))
        yield booking_process(settings, parts, None), passing
        for task in running:
            task.cancel()
