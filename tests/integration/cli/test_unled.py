"""`box-office verify` finds bookings and payments that no process leads, whatever processes say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from entrypoints.settings import Settings
from entrypoints.temporal import worker
from entrypoints.wiring import BoxOffice
from tests.support.builders import place
from tests.support.log import record_past_rules
from tests.support.provider import Provider
from tests.support.stage import PATIENCE
from tests.support.terminal import run
from tests.support.waiting import eventually
from ticketing.ids import BookingId
from workflows.client import OrchestratedBookingProcess, booking_handle
from workflows.leading import unbooked, unled

B1 = BookingId("b1")
AT_ONCE = timedelta(0)
CURE = "run `box-office restart-processes`"
PLACED = ("BookingPlaced", {"concert_id": "concertA", "seats": [{"row": 1, "number": 1}]})
EUR_5 = {"amount_minor": 500, "currency": "EUR"}
RECEIVED = ("PaymentReceived", {"booking_id": "b1", "amount": EUR_5})


@workflow.defn(name="BookingWorkflow")
class Liar:
    """Says that a booking is settled, whatever the log says."""

    @workflow.run
    async def run(self, request: Any) -> Any:
        return {"booking_id": request["booking_id"], "status": "settled", "reason": None}


@pytest.fixture
async def confirmed(client: Client, servers: Settings, parts: BoxOffice) -> None:
    """A booking that waits for its payment; no worker runs any more."""
    process = OrchestratedBookingProcess(client, servers.task_queue, patience=PATIENCE)
    async with worker(client, servers, parts):
        await process.place(place(B1, "1-1"))


async def found(
    client: Client, servers: Settings, parts: BoxOffice, grace: timedelta = AT_ONCE
) -> list[str]:
    findings = await unled(client, servers.task_queue, parts.verification, grace)
    return [str(finding) for finding in findings]


async def until_found(client: Client, servers: Settings, parts: BoxOffice) -> str:
    """Wait for the one finding: a list of processes is a moment behind."""
    (finding,) = await eventually(lambda: found(client, servers, parts), "it is found")
    return finding


@pytest.mark.usefixtures("confirmed")
async def test_a_booking_whose_process_runs_is_in_order(
    client: Client, servers: Settings, parts: BoxOffice
) -> None:
    assert await found(client, servers, parts) == []


@pytest.mark.usefixtures("confirmed")
async def test_a_dead_process_is_found_and_started_again(
    client: Client,
    servers: Settings,
    parts: BoxOffice,
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BOX_OFFICE_PROVIDER_URL", provider.url)
    await booking_handle(client, B1).terminate()
    assert await until_found(client, servers, parts) == (
        "process_missing: booking b1: confirmed in the log, but its process is terminated, "
        f"and none leads it now: {CURE}"
    )
    assert (await run("restart-processes")).exit_code == 0
    assert await found(client, servers, parts) == []


@pytest.mark.usefixtures("confirmed")
async def test_a_process_that_calls_an_unpaid_booking_settled_is_found(
    client: Client, servers: Settings, parts: BoxOffice
) -> None:
    await booking_handle(client, B1).terminate()
    async with lying(client, servers.task_queue):
        await client.execute_workflow(
            "BookingWorkflow", place(B1), id="booking-b1", task_queue=servers.task_queue
        )
    finding = await until_found(client, servers, parts)
    assert "confirmed in the log, but its process ended as 'settled'" in finding


@pytest.mark.usefixtures("confirmed")
async def test_a_stranger_in_the_place_of_a_process_is_found(
    client: Client, servers: Settings, parts: BoxOffice
) -> None:
    await booking_handle(client, B1).terminate()
    await client.start_workflow("PaymentWorkflow", id="booking-b1", task_queue="elsewhere")
    finding = await until_found(client, servers, parts)
    assert "a stranger, PaymentWorkflow of elsewhere, has its place: terminate it" in finding


async def test_what_never_had_a_process_is_found_after_a_while(
    client: Client, servers: Settings, parts: BoxOffice
) -> None:
    await record_past_rules(parts.pool, "booking-b1", PLACED)
    await record_past_rules(parts.pool, "payment-p1", RECEIVED)
    assert await found(client, servers, parts, timedelta(minutes=5)) == []
    assert await found(client, servers, parts) == [
        "process_missing: booking b1: awaiting_confirmation in the log, but no process leads it: "
        f"{CURE}",
        f"process_missing: payment p1: received in the log, but no process leads it: {CURE}",
    ]


@pytest.mark.usefixtures("confirmed")
async def test_a_process_of_a_booking_that_the_log_lacks_is_found(
    client: Client, servers: Settings, parts: BoxOffice
) -> None:
    queue = servers.task_queue
    async with lying(client, queue):
        await client.execute_workflow("BookingWorkflow", place("b2"), id="stray", task_queue=queue)
    async with worker(client, servers, parts):
        process = OrchestratedBookingProcess(client, queue, patience=PATIENCE)
        assert (await process.place(place("b3"))).status == "rejected"
    await client.start_workflow("BookingWorkflow", id="booking-b4", task_queue=queue)

    async def missing(grace: timedelta) -> list[str]:
        now = datetime.now(UTC) + timedelta(seconds=1)
        found = await unbooked(client, queue, parts.verification, now, grace)
        return [finding.what.partition(", and ")[0] for finding in found]

    expected = ["'booking-b4' is running", "'stray' ended as 'settled'"]

    async def both() -> bool:
        return await missing(AT_ONCE) == expected

    await eventually(both, "both are found, and neither a rejected nor a stored one")
    assert await missing(timedelta(minutes=5)) == []


@asynccontextmanager
async def lying(client: Client, task_queue: str) -> AsyncIterator[None]:
    async with Worker(
        client,
        task_queue=task_queue,
        workflows=[Liar],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield
