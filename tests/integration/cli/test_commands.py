"""`box-office` in front of a running office."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from entrypoints.devstack.children import free_port
from entrypoints.devstack.cluster import as_role
from entrypoints.roles import OWNER
from entrypoints.settings import LOOPBACK, Settings
from entrypoints.temporal import worker
from entrypoints.wiring import BoxOffice, box_office
from eventstore.slices import StreamId
from tests.support.builders import PRICE
from tests.support.clock import Clock
from tests.support.provider import Provider
from tests.support.stage import captured
from tests.support.terminal import Ran, run
from ticketing.booking.commands import ExpireBooking
from ticketing.ids import BookingId, PaymentId
from ticketing.payment_provider.api import CaptureRequest
from workflows.client import booking_handle

ROOT = Path(__file__).parents[3]
EXPIRE = ExpireBooking(booking_id=BookingId("b1"))
PARK = """
INSERT INTO es.dead_letter (consumer, generation, slice, position, stream_id, attempts, error,
                            parked_at)
SELECT 'BookingConfirmationProcess', 1, slice, position, stream_id, 5, 'the reason', es.now()
  FROM es.event
"""
A_SEAT = ("--concert", "concertA", "--client", "ann", "--seat", "1-1")


async def answer(*arguments: str) -> Any:
    ran = await run(*arguments, "--json")
    assert ran.exit_code == 0, ran
    return json.loads(ran.stdout)


async def error(code: int, *arguments: str) -> dict[str, Any]:
    """What a command says of its failure, as JSON; as text it says the same."""
    ran = await run(*arguments, "--json")
    assert ran.exit_code == code, ran
    told: dict[str, Any] = json.loads(ran.stdout)["error"]
    return told


async def test_a_booking_is_placed_paid_and_shown(office: BoxOffice) -> None:
    placed = await answer("place", *A_SEAT, "--seat", "1-2", "--id", "b1")
    assert (placed["status"], placed["total"]["amount_minor"]) == ("confirmed", 1000)
    assert (await answer("list", "--client", "ann"))["bookings"][0]["status"] == "confirmed"

    paid = await run("pay", "b1", "--payment-id", "p1")

    assert paid == Ran(0, "payment p1 of 10.00 EUR is applied: b1 is settled\n", "")
    shown = (await run("show", "b1")).stdout
    assert "status      settled\n" in shown
    assert "expires" not in shown
    assert "payment     p1 10.00 EUR applied\n" in shown
    assert [event["type"] for event in await answer("history", "b1")] == [
        "BookingPlaced",
        "BookingConfirmed",
        "BookingPaid",
        "BookingSettled",
    ]
    assert "row   1  SS........\n" in (await run("seats", "concertA")).stdout
    assert await run("verify") == Ran(0, "clean: every invariant holds\n", "")


async def test_the_same_command_with_the_same_id_is_safe_to_repeat(office: BoxOffice) -> None:
    placing = ("place", *A_SEAT, "--id", "b1")
    assert await run(*placing) == await run(*placing)
    paying = ("pay", "b1", "--payment-id", "p1")
    assert await run(*paying) == await run(*paying)
    other = await run(*paying, "--amount", "1")
    assert other == Ran(3, "", "p1 is another payment; for a new one leave out --payment-id\n")


async def test_what_is_refused_says_so_with_exit_code_3(office: BoxOffice) -> None:
    await run("place", *A_SEAT, "--id", "b1")
    assert "expires at  " in (await run("show", "b1")).stdout
    taken = await error(3, "place", *A_SEAT, "--id", "b2")
    assert (taken["type"], taken["reason"]) == ("BookingIsDenied", "seats_unavailable: 1-1")
    other = await error(3, "place", *A_SEAT, "--seat", "1-2", "--id", "b1")
    assert other["type"] == "BookingAlreadyExists"
    twice = await run("place", *A_SEAT, "--seat", "1-1", "--id", "b3")
    assert twice == Ran(3, "", "the request for b3 is rejected: DuplicateSeats (seats 1-1)\n")
    wrong = await run("pay", "b1", "--payment-id", "p1", "--amount", "1")
    assert wrong == Ran(3, "", "payment p1 of 0.01 EUR is refunded: amount_mismatch\n")
    assert (await run("cancel", "b1", "--reason", "ill")).stdout == "b1 is cancelled: ill\n"
    late = await error(3, "pay", "b1")
    assert (late["type"], late["refund_reason"]) == ("PaymentIsRefunded", "booking_cancelled")


async def test_what_is_not_there_is_exit_code_4(office: BoxOffice) -> None:
    simple = ("show nobody", "history nobody", "pay nobody", "seats nobody")
    for line in (*simple, "cancel nobody --reason ill", "list --client ann --before nobody"):
        assert (await error(4, *line.split()))["id"] == "nobody"


async def test_a_list_has_pages_and_shows_money_that_is_on_its_way_back(
    office: BoxOffice, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("entrypoints.cli.bookings.PAGE", 1)
    await run("place", *A_SEAT, "--id", "b1")
    await run("place", *A_SEAT, "--id", "b2")
    first = await run("list", "--concert", "concertA")
    assert first.stdout.endswith("more: --before b2\n")
    assert (await answer("list", "--concert", "concertA", "--before", "b2"))["more"] is False

    await provider.plan({"operation": "refund", "fault": "refuse", "times": None})
    monkeypatch.setenv("BOX_OFFICE_CLIENT_PATIENCE_SECONDS", "1")
    unanswered = await error(5, "pay", "b2", "--payment-id", "p2", "--amount", "500")
    assert unanswered["type"] == "NoAnswer"

    denied = (await run("list", "--concert", "concertA", "--status", "denied")).stdout
    assert "p2 5.00 EUR refund_requested: booking_denied" in denied
    assert "p2 5.00 EUR refund_requested: booking_denied" in (await run("show", "b2")).stdout
    [finding] = (await error(6, "verify"))["findings"]
    assert finding.startswith("payment_open: booking b2, payment p2: the refund is requested")
    assert "payment-p2 2 PaymentRefundRequested" in finding
    await provider.plan()


async def test_the_owner_migrates_and_operators_do_not(
    servers: Settings, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "its role may not do this" in (await error(2, "migrate"))["message"]
    monkeypatch.setenv("BOX_OFFICE_DATABASE_URL", as_role(database, OWNER))
    assert (await run("migrate")).stdout == "up to date\n"


async def test_operators_see_and_repair(office: BoxOffice) -> None:
    await run("place", *A_SEAT, "--id", "b1")
    assert (await run("rebuild-views")).stdout == "rebuilt from 2 events\n"
    assert await answer("restart-processes") == {"bookings": ["b1"], "payments": []}
    lag = await answer("lag")
    assert lag.keys() >= {"BookingViewProjection", "booking-process-starter"}
    assert (await run("concert", "list")).stdout.startswith("concertA")


async def test_money_whose_notice_was_lost_is_found_and_used(
    office: BoxOffice, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run("place", *A_SEAT, "--id", "b1")
    await office.provider.capture(
        CaptureRequest(
            payment_id=PaymentId("p1"), booking_id=BookingId("b1"), payer="ann", amount=PRICE
        )
    )
    [finding] = (await error(6, "verify"))["findings"]
    assert "payment p1: 5.00 EUR captured, and not received here" in finding

    assert await answer("restart-processes") == {"bookings": ["b1"], "payments": ["p1"]}

    assert (await booking_handle(client, BookingId("b1")).result()).status == "settled"
    await client.get_workflow_handle("payment-p1").result()
    assert (await run("verify")).exit_code == 0
    assert await answer("restart-processes") == {"bookings": [], "payments": []}
    monkeypatch.setenv("BOX_OFFICE_PROVIDER_URL", f"http://{LOOPBACK}:{free_port()}")
    unread = await run("restart-processes")
    assert unread.exit_code == 0
    assert unread.stderr.startswith("Money without a notice was not looked for: sandbox: no answer")


async def test_a_parked_event_is_listed_and_retried(
    parts: BoxOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOX_OFFICE_PROCESS", "choreographed")
    monkeypatch.setenv("BOX_OFFICE_CLIENT_PATIENCE_SECONDS", "0.2")
    assert (await run("place", *A_SEAT, "--id", "b1")).exit_code == 5  # nobody reacts
    await parts.pool.execute(PARK)
    [letter] = await answer("dead-letters", "list")
    assert (letter["consumer"], letter["stream"]) == ("BookingConfirmationProcess", "booking-b1")
    assert (await run("dead-letters", "retry")).stdout == "1 handled, 0 still parked\n"
    assert "status      confirmed" in (await run("show", "b1")).stdout


async def test_in_the_choreography_money_whose_notice_was_lost_is_reported(
    parts: BoxOffice, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOX_OFFICE_PROCESS", "choreographed")
    monkeypatch.setenv("BOX_OFFICE_PROVIDER_URL", provider.url)
    async with box_office(Settings()) as office:
        await captured(office.provider, "b1")
    for payments in (["p1"], []):
        assert await answer("restart-processes") == {"payments": payments}
    [event] = await parts.store.read_stream(StreamId("payment-p1"))
    assert (event.type, event.metadata) == ("PaymentReported", {"via": "operator"})


async def test_a_booking_placed_while_no_worker_runs_is_decided_when_one_comes(
    servers: Settings, parts: BoxOffice, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOX_OFFICE_CLIENT_PATIENCE_SECONDS", "1")
    placing = ("place", *A_SEAT, "--id", "b1")
    unanswered = await run(*placing)
    assert unanswered.exit_code == 5
    assert "no decision on b1 in time" in unanswered.stderr
    assert "safe to repeat" in unanswered.stderr
    async with worker(client, servers, parts):
        assert (await run(*placing)).exit_code == 0


async def test_late_money_gets_the_seats_back(office: BoxOffice, clock: Clock) -> None:
    await run("place", *A_SEAT, "--id", "b1")
    await clock.advance(timedelta(hours=7))
    await office.bookings.execute(EXPIRE, command_id=uuid4(), metadata={})
    assert (await run("pay", "b1", "--payment-id", "p1")).stdout == (
        "payment p1 of 5.00 EUR is applied: b1 is settled (it had expired, and got its seats "
        "back)\n"
    )


def test_a_program_prints_one_document_and_its_logs_elsewhere(servers: Settings) -> None:
    ran = subprocess.run(
        (sys.executable, "-m", "entrypoints.cli", "show", "nobody", "--json"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ran.returncode == 4
    assert json.loads(ran.stdout)["error"]["type"] == "NotFound"


async def test_a_booking_of_a_client_set_to_the_other_process_is_decided_all_the_same(
    office: BoxOffice, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOX_OFFICE_PROCESS", "choreographed")
    assert (await run("place", *A_SEAT, "--id", "b1")).exit_code == 0
    process = await booking_handle(client, BookingId("b1")).describe()
    assert process.status is WorkflowExecutionStatus.RUNNING
