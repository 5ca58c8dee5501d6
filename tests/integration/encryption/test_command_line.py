"""Temporal's own command line knows nothing of us, and works on encrypted bookings all the same."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from pydantic import SecretStr
from temporalio.client import Client

from entrypoints.codec_server.app import app
from entrypoints.devstack.servers import TemporalServer
from entrypoints.settings import LOOPBACK, Settings
from tests.integration.webhooks.provider import serving
from tests.support.builders import place
from tests.support.stage import Stage
from tests.unit.encryption.keys import NEW
from ticketing.ids import BookingId
from workflows.client import booking_handle
from workflows.encryption import data_converter

KEYS = (SecretStr(NEW),)  # without `plaintext`, so that it is refused
PROGRAM = Path(sys.executable).with_name("temporal")
Temporal: TypeAlias = Callable[..., Awaitable[str]]


@pytest.fixture
async def client(temporal: TemporalServer, namespace: str) -> Client:
    return await Client.connect(
        temporal.address, namespace=namespace, data_converter=data_converter(KEYS)
    )


@pytest.fixture
async def temporal_command(temporal: TemporalServer, namespace: str) -> AsyncIterator[Temporal]:
    """`temporal workflow ...` about booking b1: what it prints, as JSON."""
    origins = ("http://localhost:8233",)
    settings = Settings(payload_keys=KEYS, codec_origins=origins, codec_encodes=True)
    async with serving(app(settings)) as door:

        async def run(*words: str, decoded: bool = True) -> str:
            endpoint = f"http://{LOOPBACK}:{door.port}/booking-b1"
            codec = ("--codec-endpoint", endpoint) if decoded else ()
            process = await asyncio.create_subprocess_exec(
                *(PROGRAM, "workflow", *words, "-w", "booking-b1", "--output", "json", *codec),
                *("--address", temporal.address, "--namespace", namespace),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            output, _ = await process.communicate()
            return output.decode()

        yield run


async def test_with_the_codec_server_it_shows_a_booking_and_cancels_it(
    running: Stage, client: Client, temporal_command: Temporal
) -> None:
    await running.process.place(place("b1", "3-7"))
    question = ("query", "--name", "status")
    assert "ann" not in await temporal_command(*question, decoded=False)
    assert '"client_id": "ann"' in await temporal_command(*question)
    answer = await temporal_command(
        "update", "execute", "--name", "cancel", "--input", '{"reason": "Ann is ill"}'
    )
    assert "Ann is ill" in answer
    outcome = await booking_handle(client, BookingId("b1")).result()
    assert (outcome.status, outcome.reason) == ("cancelled", "Ann is ill")


async def test_plaintext_sent_past_the_codec_server_is_refused_and_the_booking_goes_on(
    running: Stage, temporal_command: Temporal
) -> None:
    await running.process.place(place("b1", "3-7"))
    for message in (("update", "execute", "--name", "cancel"), ("signal", "--name", "settled")):
        await temporal_command(*message, "--input", '{"payment_id": "p1"}', decoded=False)
    answer = await running.process.cancel(BookingId("b1"), "ill")
    assert (answer.status, answer.reason) == ("cancelled", "ill")
