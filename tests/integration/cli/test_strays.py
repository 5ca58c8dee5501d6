"""One stray workflow, stream or payment stops no command: it is named, and the rest is done."""

import json

import asyncpg
import pytest
from pydantic import SecretStr
from temporalio.client import Client

from entrypoints.settings import Settings
from entrypoints.temporal import worker
from entrypoints.wiring import BoxOffice
from tests.support.builders import place
from tests.support.log import record_past_rules
from tests.support.provider import Provider
from tests.support.stage import PATIENCE
from tests.support.terminal import run
from tests.unit.encryption.keys import NEW
from ticketing.ids import BookingId
from workflows.client import OrchestratedBookingProcess, booking_handle
from workflows.encryption import data_converter

EVENT = ("BookingPlaced", {"concert_id": "concertA", "seats": [{"row": 1, "number": 1}]})
UNKNOWN_EVENT = ("BookingPraised", {"by": "ann"})


async def start_strays(client: Client, task_queue: str) -> None:
    """Start what whoever reaches Temporal can start under the names of our workflows."""
    sealing = await Client.connect(
        client.service_client.config.target_host,
        namespace=client.namespace,
        data_converter=data_converter([SecretStr(NEW)]),
    )
    for starter, workflow_id, request in (
        (client, "x", [place("x", "2-1")]),
        (client, "booking-of/x", [place("x", "2-1")]),
        (client, "booking-empty", []),
        (client, "booking-tampered", [{"a": 1}]),
        (sealing, "booking-sealed", [place("sealed", "2-2")]),
        (client, "booking-forged", [place("other", "2-3")]),
    ):
        await starter.start_workflow(
            "BookingWorkflow", args=request, id=workflow_id, task_queue=task_queue
        )


@pytest.fixture
async def open_booking(client: Client, servers: Settings, parts: BoxOffice) -> str:
    """Return the id of a booking that waits for its payment; no worker runs any more."""
    process = OrchestratedBookingProcess(client, servers.task_queue, patience=PATIENCE)
    async with worker(client, servers, parts):
        await process.place(place("b1", "1-1"))
    return "b1"


async def test_lost_bookings_tells_the_others(
    client: Client, servers: Settings, pool: asyncpg.Pool, open_booking: str
) -> None:
    await pool.execute("ALTER TABLE es.event DISABLE TRIGGER event_append_only")
    await pool.execute("DELETE FROM es.event")  # an old backup was restored
    await start_strays(client, servers.task_queue)
    ran = await run("lost-bookings", "--since", "1h")
    command = "box-office place --concert=concertA --client=ann --seat 1-1 --id=b1  # open\n"
    assert (ran.exit_code, ran.stdout) == (6, command)
    named = [line.partition(" is skipped: ")[0] for line in ran.stderr.splitlines()]
    assert named == [
        "process 'x'",
        "process 'booking-of/x'",
        "process 'booking-empty'",
        "process 'booking-tampered'",
        "process 'booking-sealed'",
        "process 'booking-forged'",
        "Everything else is done.",
    ]
    told = json.loads((await run("lost-bookings", "--since", "1h", "--json")).stdout)["error"]
    assert ([lost["request"]["booking_id"] for lost in told["lost"]], len(told["skipped"])) == (
        ["b1"],
        6,
    )


async def test_restart_processes_starts_the_others(
    client: Client,
    servers: Settings,
    parts: BoxOffice,
    open_booking: str,
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BOX_OFFICE_PROVIDER_URL", provider.url)
    await booking_handle(client, BookingId(open_booking)).terminate()
    await record_past_rules(parts.pool, "booking-b0", UNKNOWN_EVENT, EVENT)
    await capture(provider, "p1", payer="ann\0")
    await capture(provider, "p2", payer="ann")
    await capture(provider, "p3", payer="\0")
    ran = await run("restart-processes", "--json")
    assert ran.exit_code == 6, ran
    told = json.loads(ran.stdout)["error"]
    assert (told["bookings"], told["payments"]) == (["b1"], ["p2"])
    assert [line.partition(" is skipped: ")[0] for line in told["skipped"]] == [
        "booking 'b0'",
        "the provider's payment",
        "the provider's payment",
    ]


async def test_verify_finds_the_rest(
    parts: BoxOffice, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOX_OFFICE_PROVIDER_URL", provider.url)
    await capture(provider, "p1", payer="ann\0")
    await capture(provider, "p2", payer="ann")
    await record_past_rules(parts.pool, "payment-p3", ("PaymentPraised", {}))
    ran = await run("verify")
    assert ran.exit_code == 6, ran
    checks = [line.split(":")[0] for line in ran.stderr.splitlines()]
    assert {"provider_differs", "provider_unreadable", "payment_unreadable"} <= set(checks)
    assert "payment p2: 5.00 EUR captured, and not received here" in ran.stderr


async def capture(provider: Provider, payment_id: str, payer: str) -> None:
    amount = {"amount_minor": 500, "currency": "EUR"}
    body = {"payment_id": payment_id, "booking_id": "b1", "payer": payer, "amount": amount}
    status, _ = await provider.ask("POST", "/v1/payments", body, key=payment_id)
    assert status == 201
