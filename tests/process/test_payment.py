"""The payment process where Temporal matters: what both twins share is in tests/scenarios."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import cast
from uuid import uuid4

import aiohttp
import pytest
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import TimeSkipper

from entrypoints.devstack.children import claim, free_port
from entrypoints.settings import LOOPBACK
from entrypoints.temporal import worker
from eventstore.api import Metadata
from eventstore.slices import StreamId
from tests.process.test_web_ui import details
from tests.support.builders import place
from tests.support.programs import worker_process
from tests.support.provider import Provider
from tests.support.stage import Stage, until_it_waits
from tests.support.waiting import eventually
from ticketing.booking.commands import CancelBooking
from ticketing.ids import BookingId, PaymentId
from ticketing.payment.commands import PaymentCommand, RefusePayment, ReportPayment, RequestRefund
from ticketing.process import PaymentOutcome
from ticketing.receipts import Answer, NotAtProvider, Receipts
from ticketing.reconciliation import open_payments
from workflows.booking import BookingWorkflow
from workflows.client import start_payment
from workflows.payment import PaymentWorkflow
from workflows.process_starter import ProcessStarter

CANCEL = CancelBooking(booking_id=BookingId("b1"), reason="ill", cancelled_by="client")
LEFT_BEHIND: tuple[tuple[PaymentCommand, ...], ...] = (
    (),
    (RequestRefund(payment_id=PaymentId("p2"), reason="amount_mismatch"),),
)


@pytest.fixture
def provider_url(provider: Provider) -> str:
    return provider.url


async def test_money_cannot_be_cancelled(stage: Stage, client: Client, env: TimeSkipper) -> None:
    money = (await stage.capture("nobody")).report()
    async with worker(client, stage.settings, stage.parts):
        paying = await start_payment(client, stage.settings.task_queue, money)
        await until_it_waits(paying)
        await paying.cancel()
        await env.fast_forward(paying, timedelta(minutes=1))
        assert (await paying.result()).refund_reason == "unknown_booking"


async def test_h20_failed_refunds_are_shown(
    stage: Stage, client: Client, provider: Provider
) -> None:
    await stage.execute(place("b1", "1-1"))
    await stage.execute(CANCEL)
    await provider.plan({"operation": "refund", "fault": "refuse", "times": None})
    async with worker(client, stage.settings, stage.parts):
        paying = await start_payment(
            client, stage.settings.task_queue, (await stage.capture("b1")).report()
        )
        refund = await failed_twice(paying)
        assert "refused for now to refund payment p1" in refund.last_failure.message
        expected = "Waits for **the provider to refund 5.00 EUR (booking_cancelled)** for as long"
        assert (await details(paying)).startswith(expected)
        await provider.plan()  # it is back
        assert (await paying.result()).refund_reason == "booking_cancelled"
        assert await details(paying) == "Ended: **refunded**: `booking_cancelled`"


async def test_h20_failed_refunds_are_counted(
    stage: Stage, client: Client, provider: Provider, tmp_path: Path
) -> None:
    await stage.execute(place("b1", "1-1"))
    await stage.execute(CANCEL)
    await provider.plan({"operation": "refund", "fault": "refuse", "times": None})
    address = f"{LOOPBACK}:{free_port()}"
    changes = {"BOX_OFFICE_METRICS_ADDRESS": address, "BOX_OFFICE_PROVIDER_URL": provider.url}
    async with claim(tmp_path) as home, worker_process(home, stage, client, **changes):
        paying = await start_payment(
            client, stage.settings.task_queue, (await stage.capture("b1")).report()
        )
        await failed_twice(paying)
        assert await counted(f"http://{address}/metrics", "refund_attempts_failed_total") >= 2
        await provider.plan()  # it is back
        assert (await paying.result()).status == "refunded"


async def test_lost_payments_get_processes(
    stage: Stage, client: Client, provider: Provider
) -> None:
    """As `box-office restart-processes` does: one was only received, one is being refunded."""
    await stage.execute(place("b1", "1-1"))
    await stage.execute(CANCEL)
    for number, commands in enumerate(LEFT_BEHIND, start=1):
        money = await stage.capture("b1", f"p{number}")
        for command in (money.received(), *commands):
            await stage.parts.payments.execute(command, command_id=uuid4(), metadata={})

    async with worker(client, stage.settings, stage.parts):
        lost = await open_payments(stage.parts.verification)
        assert [payment.payment_id for payment in lost] == ["p1", "p2"]
        outcomes = [
            await (
                await start_payment(client, stage.settings.task_queue, money, again=True)
            ).result()
            for money in lost
        ]

    assert [paid.refund_reason for paid in outcomes] == ["booking_cancelled", "amount_mismatch"]
    assert [await provider.effects("refund", payment_id) for payment_id in ("p1", "p2")] == [1, 1]
    assert await stage.parts.verification.verify_business() == ()


@dataclass
class HeldAfterARefusal:
    """Receipts whose answer to a refusal is on its way until it is let go."""

    receipts: Receipts
    refused: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self, payment_id: PaymentId, metadata: Metadata) -> Answer | NotAtProvider:
        return await self.receipts.receive(payment_id, metadata)

    async def refuse(self, refusal: RefusePayment, metadata: Metadata) -> Answer | NotAtProvider:
        answer = await self.receipts.refuse(refusal, metadata)
        self.refused.set()
        await self.let_go.wait()
        return answer


async def test_a_report_that_comes_while_a_refusing_process_ends_is_not_lost(
    stage: Stage, client: Client
) -> None:
    """The notice of real money, just after somebody has invented its id."""
    invented = ReportPayment(payment_id=PaymentId("p1"), booking_id=BookingId("b1"))
    held = HeldAfterARefusal(stage.parts.receipts)
    parts = replace(stage.parts, receipts=cast(Receipts, held))
    async with worker(client, stage.settings, parts):
        await stage.process.place(place("b1", "1-1"))
        await start_payment(client, stage.settings.task_queue, invented)
        await held.refused.wait()
        real = (await stage.capture("b1")).report()
        await stage.parts.payments.execute(real, command_id=uuid4(), metadata={"via": "notice n1"})
        [*_, reported] = await stage.parts.store.read_stream(StreamId("payment-p1"))
        await ProcessStarter(client, stage.settings.task_queue).on_payment_event(reported)
        held.let_go.set()
        await stage.until_payment("p1", "applied")
        await stage.until_booking("b1", "settled", holding=1)


async def test_a_stranger_that_has_ended_under_its_id_keeps_no_payment_out(
    stage: Stage, client: Client
) -> None:
    async with worker(client, stage.settings, stage.parts):
        await stage.process.place(place("b1", "1-1"))
        stranger = await client.start_workflow(
            BookingWorkflow.run,
            place("no-seats"),
            id="payment-p1",
            task_queue=stage.settings.task_queue,
        )
        assert (await stranger.result()).status == "rejected"
        assert (await stage.pay("b1")).status == "applied"


async def counted(url: str, name: str) -> float:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        lines = (await answer.text()).splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name}{{"))


async def failed_twice(
    paying: WorkflowHandle[PaymentWorkflow, PaymentOutcome],
) -> PendingActivityInfo:
    """The refund as the Web UI shows it, once it was tried and tried again."""

    async def refunds() -> list[PendingActivityInfo]:
        pending = (await paying.describe()).raw_description.pending_activities
        return [
            it for it in pending if it.activity_type.name == "refund_payment" and it.attempt > 2
        ]

    return (await eventually(refunds, "the refund failed twice"))[0]
