"""Both twins on the real servers, behind one face: each scenario runs on either."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper

from choreography.booking_expiration import run_sweeps
from entrypoints.processes import booking_process, members, sweeps
from entrypoints.settings import Settings
from entrypoints.temporal import worker
from entrypoints.wiring import BoxOffice, box_office
from tests.support.builders import PRICE, SHORT, concert
from tests.support.clock import Clock
from tests.support.gates import Gate, with_before
from tests.support.provider import Provider
from tests.support.stage import PATIENCE, Stage, connecting_as, mailing_office, telling
from tests.support.waiting import eventually
from ticketing.ids import BookingId
from ticketing.process import BookingProcess
from ticketing.verification.api import Finding
from workflows.client import OrchestratedBookingProcess

SWEEP_EVERY = timedelta(milliseconds=100)
SHORT_HOLD = timedelta(seconds=2)
SLOW = BookingId("slow")  # its reservation stands at the gate until that is opened


Office = Callable[[str], AbstractAsyncContextManager[BoxOffice]]


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
    async with mailing_office(connecting_as("operator", settings), rows=30) as (parts, told):
        await parts.reservations.add_concert(concert(SHORT, PRICE, SHORT_HOLD, rows=30))
        orchestrated = request.param == "orchestrated"
        gate = Gate("reserve", SLOW)

        @asynccontextmanager
        async def office(role: str) -> AsyncIterator[BoxOffice]:
            """What a program stands on that connects as this role."""
            async with box_office(connecting_as(role, settings)) as own:
                yield with_before(telling(own, told), gate.stop)

        started = (
            _orchestrated(office, settings, client)
            if orchestrated
            else _choreographed(
                office, parts, settings.model_copy(update={"process": "choreographed"})
            )
        )
        async with started as (process, passing):
            yield Twin(
                parts, settings, process, told, request.param, provider, clock, gate, passing
            )
            gate.opened.set()


@asynccontextmanager
async def _orchestrated(
    office: Office, settings: Settings, client: Client
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
                    group.create_task(_fast_forward(skipper, handle, skip))

    async with (
        office("worker") as of_worker,
        office("consumer") as of_consumers,
        worker(client, settings, of_worker),
        asyncio.TaskGroup() as group,
    ):
        consumers = members(settings, of_consumers, client)
        running = [group.create_task(consumer.run()) for consumer in consumers]
        yield (OrchestratedBookingProcess(client, settings.task_queue, patience=PATIENCE), passing)
        for task in running:
            task.cancel()


async def _fast_forward(
    skipper: TimeSkipper, process: WorkflowHandle[Any, Any], by: timedelta
) -> None:
    try:
        await skipper.fast_forward(process, by)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:  # it has just ended
            raise


@asynccontextmanager
async def _choreographed(
    office: Office, of_client: BoxOffice, settings: Settings
) -> AsyncIterator[tuple[BookingProcess, Passing]]:
    async def passing(by: timedelta) -> None:
        """Nothing to do: the sweeps ask the database's clock."""

    async with office("choreography") as own, asyncio.TaskGroup() as group:
        running = [group.create_task(member.run()) for member in members(settings, own, None)]
        running.append(group.create_task(run_sweeps(sweeps(settings, own), SWEEP_EVERY)))
        yield booking_process(settings, of_client, None), passing
        for task in running:
            task.cancel()
