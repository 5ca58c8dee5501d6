"""Bookings in flight while encryption is switched on, its key is rotated, and it is switched off.

Each step restarts every process with other keys; a worker then reads all histories anew.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr
from temporalio.client import Client, WorkflowHandle

from entrypoints.devstack.servers import TemporalServer
from entrypoints.settings import Settings
from entrypoints.temporal import worker
from tests.support.builders import place
from tests.support.provider import Provider
from tests.support.stage import Stage, opened_stage
from tests.unit.encryption.keys import NEW, OLD
from ticketing.ids import BookingId
from ticketing.reconciliation import unended_bookings
from workflows.booking import BookingWorkflow
from workflows.client import booking_handle, start_booking
from workflows.encryption import KEY_ID, UnknownKeyError, data_converter
from workflows.messages import BookingOutcome


@pytest.fixture
def settings(database: str, task_queue: str, provider: Provider) -> Settings:
    return Settings(database_url=database, task_queue=task_queue, provider_url=provider.url)


@asynccontextmanager
async def restarted(
    settings: Settings, temporal: TemporalServer, namespace: str, *keys: str
) -> AsyncIterator[tuple[Stage, Client]]:
    converter = data_converter([SecretStr(key) for key in keys])
    client = await Client.connect(temporal.address, namespace=namespace, data_converter=converter)
    async with opened_stage(settings, client) as stage, worker(client, settings, stage.parts):
        yield stage, client


async def key_of(process: WorkflowHandle[BookingWorkflow, BookingOutcome]) -> str | None:
    started = (await process.fetch_history()).events[0].workflow_execution_started_event_attributes
    [payload] = started.input.payloads
    return payload.metadata[KEY_ID].decode() if KEY_ID in payload.metadata else None


async def test_no_booking_notices_a_change_of_keys(
    settings: Settings, temporal: TemporalServer, namespace: str
) -> None:
    steps = (
        ((), None),
        (("plaintext", OLD), None),  # everybody understands it
        ((OLD, "plaintext"), "old"),  # switched on
        ((OLD, NEW, "plaintext"), "old"),
        ((NEW, OLD, "plaintext"), "new"),  # rotated
        (("plaintext", NEW, OLD), None),  # switched off
    )
    for number, (keys, encrypted_with) in enumerate(steps):
        async with restarted(settings, temporal, namespace, *keys) as (stage, client):
            booking_id = f"b{number}"
            decision = await stage.process.place(place(booking_id, f"1-{number + 1}"))
            assert decision.status == "confirmed"
            assert await key_of(booking_handle(client, BookingId(booking_id))) == encrypted_with
            if number:  # of the step before
                request = place(f"b{number - 1}", f"1-{number}")
                assert (await stage.process.place(request)).status == "confirmed"
                for _ in range(2):
                    outcome = await stage.pay(request.booking_id, f"p{number}")
                    assert outcome.status == "applied"
            ended = [booking_handle(client, BookingId(f"b{earlier}")) for earlier in range(number)]
            assert {(await process.result()).status for process in ended} <= {"settled"}


async def test_a_booking_whose_key_is_missing_waits_until_it_is_back(
    settings: Settings, temporal: TemporalServer, namespace: str
) -> None:
    async with restarted(settings, temporal, namespace, OLD) as (stage, _):
        await stage.process.place(place("b1", "1-1"))
    async with restarted(settings, temporal, namespace, NEW) as (stage, client):
        assert (await stage.process.place(place("b2", "1-2"))).status == "confirmed"
        process = booking_handle(client, BookingId("b1"))
        with pytest.raises(UnknownKeyError, match="'old', which is missing"):
            await (await process.describe()).static_summary()
        await process.cancel()
        await until_a_task_failed(process)
    async with restarted(settings, temporal, namespace, NEW, OLD) as (_, client):
        outcome = await booking_handle(client, BookingId("b1")).result()
        assert (outcome.status, outcome.reason) == ("cancelled", "process cancelled")


async def test_a_booking_whose_key_is_lost_begins_anew_from_the_log(
    settings: Settings, temporal: TemporalServer, namespace: str
) -> None:
    async with restarted(settings, temporal, namespace, OLD) as (stage, _):
        await stage.process.place(place("b1", "1-1"))
    async with restarted(settings, temporal, namespace, NEW) as (stage, client):
        await booking_handle(client, BookingId("b1")).terminate()
        lost = await unended_bookings(stage.parts.verification, stage.parts.bookings)
        for placed in lost:  # as `restart-processes` does
            await start_booking(client, settings.task_queue, placed)
        assert (await stage.pay("b1")).status == "applied"
        assert (await booking_handle(client, BookingId("b1")).result()).status == "settled"


async def until_a_task_failed(process: WorkflowHandle[BookingWorkflow, BookingOutcome]) -> None:
    async for event in process.fetch_history_events(wait_new_event=True):
        if event.HasField("workflow_task_failed_event_attributes"):
            return
