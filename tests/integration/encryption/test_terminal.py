"""`box-office` and `starter.py` in front of encrypted bookings."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from pydantic import HttpUrl, SecretStr
from temporalio.client import Client, WorkflowExecution

from entrypoints.devstack.servers import TemporalServer
from entrypoints.settings import Settings
from entrypoints.temporal import worker
from tests.support.builders import place
from tests.support.provider import Provider
from tests.support.stage import opened_stage
from tests.support.terminal import run
from tests.support.waiting import eventually
from tests.unit.encryption.keys import NEW, OLD, ring
from ticketing.ids import BookingId
from workflows.client import CLIENT_ID
from workflows.encryption import data_converter

STARTER = Path(__file__).parents[3] / "starter.py"
A_BOOKING = ("--concert", "concertA", "--client", "ann", "--seat", "1-1", "--id", "b1")


@pytest.fixture
async def client(temporal: TemporalServer, namespace: str) -> Client:
    return await Client.connect(
        temporal.address, namespace=namespace, data_converter=data_converter([SecretStr(NEW)])
    )


async def test_the_starter_places_and_pays_with_the_same_one_setting(
    servers: Settings, client: Client, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOX_OFFICE_PAYLOAD_KEYS", NEW)
    monkeypatch.setenv("BOX_OFFICE_PROVIDER_URL", provider.url)
    servers = servers.model_copy(update={"provider_url": HttpUrl(provider.url)})
    async with opened_stage(servers, client) as stage, worker(client, servers, stage.parts):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, STARTER, *A_BOOKING, "--pay", "--task-queue", servers.task_queue),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
    assert process.returncode == 0
    assert b'"status": "confirmed"' in output
    assert b'"status": "applied"' in output


async def test_without_a_key_the_setting_is_named(servers: Settings, client: Client) -> None:
    async with opened_stage(servers, client) as stage, worker(client, servers, stage.parts):
        await stage.process.place(place("b1", "1-1"))
        await stage.process.cancel(BookingId("b1"), "ill")
        ran = await run("cancel", "b1", "--reason", "ill", "--json")
    assert ran.exit_code == 2, ran
    told = json.loads(ran.stdout)["error"]
    assert (told["type"], told["field"]) == ("BadInput", "BOX_OFFICE_PAYLOAD_KEYS")
    assert "a payload is encrypted with key 'new', which is missing" in told["message"]


async def test_the_filter_of_a_client_finds_bookings_of_every_key(
    servers: Settings, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOX_OFFICE_PAYLOAD_KEYS", f"{OLD},{NEW}")
    async with opened_stage(servers, client) as stage, worker(client, servers, stage.parts):
        await stage.process.place(place("b1", "1-1"))
        query = (await run("client-filter", "ann")).stdout.strip()
        found = await first_of(client, query)
    assert found.id == "booking-b1"
    assert found.typed_search_attributes[CLIENT_ID] == ring(NEW).pseudonym("ann")
    assert "ann" not in query


async def first_of(client: Client, query: str) -> WorkflowExecution:
    """Waits for it: a list is a moment behind."""

    async def found() -> list[WorkflowExecution]:
        return [process async for process in client.list_workflows(query)]

    return (await eventually(found, query))[0]
