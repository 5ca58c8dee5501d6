"""Money is believed from the provider only: who says that it came, and how, changes nothing."""

import asyncio
from datetime import timedelta

import pytest

from entrypoints.wiring import box_office
from tests.scenarios.conftest import Twin, settings, twin
from tests.support.builders import HOLD, place
from tests.support.stage import connecting_as
from tests.support.waiting import eventually
from ticketing.ids import BookingId, PaymentId
from ticketing.payment.commands import ReportPayment
from ticketing.payment_provider.api import ProviderPayment
from ticketing.payment_provider.notices import Notice, NoticeId

__all__ = ["settings", "twin"]  # pytest looks for them here

INVENTED = ReportPayment(payment_id=PaymentId("p1"), booking_id=BookingId("b1"))


async def told(twin: Twin, type: str, payment: ProviderPayment) -> None:
    """The notice comes, and its signature is good."""
    notice = Notice(
        notice_id=NoticeId(type), type=type, created_at=payment.captured_at, payment=payment
    )
    async with box_office(connecting_as("receiver", twin.settings)) as receiver:
        assert await receiver.notices.receive(notice) == "stored"


async def refused(twin: Twin, reason: str) -> None:
    await twin.until_payment("p1", "refused")
    payment = await twin.payment("p1")
    assert payment is not None
    assert payment.refusal == reason
    assert (await twin.booking("b1")).status == "confirmed"
    assert "settled" not in twin.told("b1")


async def test_money_that_was_charged_back_before_its_notice_came_pays_for_nothing(
    twin: Twin,
) -> None:
    await twin.process.place(place("b1", "1-1"))
    captured = await twin.capture("b1")
    returned = captured.model_copy(update={"refund_ref": await twin.provider.charge_back("p1")})
    await told(twin, "payment.charged_back", returned)
    await told(twin, "payment.captured", captured)
    await refused(twin, "returned")
    assert await twin.verify() == ()
    await twin.pass_time(HOLD + timedelta(minutes=1))
    await twin.until_booking("b1", "expired", holding=0)


async def test_a_return_counts_that_the_providers_ledger_does_not_show_yet(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    captured = await twin.capture("b1")
    await told(twin, "payment.refunded", captured.model_copy(update={"refund_ref": "soon"}))
    await told(twin, "payment.captured", captured)
    await refused(twin, "returned")


async def test_money_that_the_provider_has_returned_pays_for_nothing(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    captured = await twin.capture("b1")
    await twin.parts.provider.refund(captured.payment_id)
    outcome = await twin.process.pay(captured.report())
    assert (outcome.status, outcome.reason) == ("rejected", "returned")
    await refused(twin, "returned")
    assert await twin.verify() == ()


async def test_invented_money_is_refused_and_keeps_no_real_money_out(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    outcome = await twin.process.pay(INVENTED)
    assert (outcome.status, outcome.reason) == ("rejected", "unknown_to_provider")
    await refused(twin, "unknown_to_provider")
    assert await twin.verify() == ()
    assert (await twin.pay("b1")).status == "applied"
    assert await twin.all_quiet() == ()


async def test_a_signed_notice_of_invented_money_is_refused(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    real = await twin.capture("b1", "p2")
    await told(twin, "payment.captured", real.model_copy(update={"payment_id": "p1"}))
    await refused(twin, "unknown_to_provider")
    assert (await twin.pay("b1")).status == "applied"


async def test_the_notice_of_real_money_comes_after_its_id_was_refused(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    await twin.process.pay(INVENTED)
    await told(twin, "payment.captured", await twin.capture("b1"))
    await twin.until_payment("p1", "applied")
    await twin.until_booking("b1", "settled", holding=1)


async def test_real_money_comes_while_an_invention_of_its_id_is_under_way(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    squatting = asyncio.create_task(
        twin.process.pay(INVENTED.model_copy(update={"booking_id": BookingId("nobody")}))
    )
    assert (await twin.pay("b1")).status == "applied"
    assert (await squatting).status == "applied"
    assert await twin.all_quiet() == ()


async def test_refused_payments_are_counted(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    await twin.process.pay(INVENTED)

    async def counted() -> bool:
        samples = {metric.name: values for metric, values in (await twin.parts.measure()).items()}
        return samples["refused_payments"] == {("unknown_to_provider",): 1.0, ("returned",): 0.0}

    await eventually(counted, "one refused payment is counted")


@pytest.mark.settings(late_payment="reinstate")
async def test_invented_money_reinstates_nothing(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    await twin.pass_time(HOLD + timedelta(minutes=1))
    await twin.until_booking("b1", "expired", holding=0)
    assert (await twin.process.pay(INVENTED)).status == "rejected"
    await twin.until_booking("b1", "expired", holding=0)
