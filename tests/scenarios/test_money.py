"""Every payment ends as tickets or as a refund, exactly once. Cases: docs/hard-cases.md."""

import asyncio
from datetime import timedelta

import pytest

from tests.scenarios.conftest import Twin
from tests.support.builders import CONCERT, FREE, HOLD, PRICE, concert, place
from ticketing.ids import BookingId
from ticketing.money import Money

LESS, DEARER = Money(amount_minor=400, currency="EUR"), Money(amount_minor=900, currency="EUR")
DOLLARS = Money(amount_minor=500, currency="USD")
MINUTE = timedelta(minutes=1)


async def expired(twin: Twin, booking_id: str, *seats: str) -> None:
    """A booking that nobody paid in time, its seats free again."""
    assert (await twin.process.place(place(booking_id, *seats))).status == "confirmed"
    await twin.pass_time(HOLD + MINUTE)
    await twin.until_booking(booking_id, "expired", holding=0)


async def refunded_once(twin: Twin, payment_id: str, reason: str) -> None:
    payment = await twin.payment(payment_id)
    assert payment is not None
    assert (payment.status, payment.refund_reason) == ("refunded", reason)
    assert await twin.provider.effects("refund", payment_id) == 1


async def test_a_paid_booking_is_settled_and_its_payment_applied(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1", "1-2"))
    outcome = await twin.pay("b1", amount=Money(amount_minor=1000, currency="EUR"))
    assert (outcome.status, outcome.reinstated) == ("applied", False)
    assert (await twin.booking("b1")).status == "settled"
    assert await twin.held("b1") == 2
    await twin.until_told("settled", "b1")
    assert await twin.verify() == ()


@pytest.mark.settings(expiry_grace_seconds=600)
async def test_h2_money_delivered_late_settles_within_the_grace(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    await twin.process.place(place("b2", "1-2"))
    captured = await twin.capture("b1")
    await twin.pass_time(HOLD + MINUTE)
    outcome = await twin.process.pay(captured.report())
    assert (outcome.status, outcome.reinstated) == ("applied", False)
    assert "BookingExpired" not in await twin.events("b1")
    assert await twin.held("b1") == 1
    await twin.pass_time(10 * MINUTE)
    await twin.until_booking("b2", "expired", holding=0)


async def test_h2_money_delivered_after_the_expiry_is_late_money(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    captured = await twin.capture("b1")
    await twin.pass_time(HOLD + MINUTE)
    await twin.until_booking("b1", "expired", holding=0)
    outcome = await twin.process.pay(captured.report())
    assert (outcome.status, outcome.reinstated) == ("applied", True)


async def test_h3_late_money_gets_free_seats_back(twin: Twin) -> None:
    await expired(twin, "b1", "1-1", "1-2")
    await twin.parts.reservations.add_concert(concert(CONCERT, DEARER, HOLD, rows=30))
    outcome = await twin.pay("b1", amount=Money(amount_minor=1000, currency="EUR"))
    assert (outcome.status, outcome.reinstated) == ("applied", True)
    booking = await twin.booking("b1")
    assert (booking.status, {ticket.price for ticket in booking.tickets}) == ("settled", {PRICE})
    assert await twin.held("b1") == 2
    assert await twin.verify() == ()


async def test_h4_late_money_whose_seat_is_sold_goes_back(twin: Twin) -> None:
    await expired(twin, "b1", "1-1", "1-2")
    await twin.process.place(place("b2", "1-2"))
    outcome = await twin.pay("b1", amount=Money(amount_minor=1000, currency="EUR"))
    assert (outcome.status, outcome.refund_reason) == ("refunded", "booking_expired")
    assert await twin.held("b1") == 0
    assert await twin.held("b2") == 1
    await refunded_once(twin, "p1", "booking_expired")
    told = await twin.until_told("refunded", "p1")
    assert (told.booking_id, told.reason) == ("b1", "booking_expired")
    assert await twin.verify() == ()


@pytest.mark.settings(late_payment="refund")
async def test_late_money_goes_back_if_that_is_the_policy(twin: Twin) -> None:
    await expired(twin, "b1", "1-1")
    assert (await twin.pay("b1")).refund_reason == "booking_expired"
    await refunded_once(twin, "p1", "booking_expired")


async def test_h5_of_two_late_payments_for_one_booking_one_settles(twin: Twin) -> None:
    await expired(twin, "b1", "1-1")
    outcomes = await asyncio.gather(twin.pay("b1", "p1"), twin.pay("b1", "p2"))
    assert sorted(outcome.status for outcome in outcomes) == ["applied", "refunded"]
    assert await twin.held("b1") == 1
    assert await twin.verify() == ()


async def test_late_money_of_the_wrong_amount_takes_no_seat(twin: Twin) -> None:
    await expired(twin, "b1", "1-1")
    assert (await twin.pay("b1", amount=LESS)).refund_reason == "amount_mismatch"
    assert await twin.held("b1") == 0
    assert (await twin.pay("b1", "p2")).reinstated
    assert await twin.verify() == ()


async def test_h12_a_second_payment_goes_back(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    await twin.pay("b1", "p1")
    assert (await twin.pay("b1", "p2")).refund_reason == "already_settled"
    assert (await twin.booking("b1")).payment_id == "p1"
    await refunded_once(twin, "p2", "already_settled")
    assert await twin.verify() == ()


async def test_h13_the_same_payment_twice_is_one_payment(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    captured = await twin.capture("b1")
    first, second = await asyncio.gather(
        twin.process.pay(captured.report()), twin.process.pay(captured.report())
    )
    assert first == second
    assert await twin.provider.effects("capture", "p1") == 1
    assert await twin.verify() == ()


async def test_h13_what_the_provider_says_counts_and_not_the_report(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    await twin.process.place(place("b2", "1-2"))
    captured = (await twin.capture("b1")).report()
    other = captured.model_copy(update={"booking_id": "b2"})
    first, second = await asyncio.gather(twin.process.pay(other), twin.process.pay(captured))
    assert first == second
    assert (await twin.booking("b1")).payment_id == "p1"
    assert (await twin.booking("b2")).status == "confirmed"
    assert await twin.verify() == ()


async def test_h14_money_for_an_unknown_booking_waits_and_goes_back(twin: Twin) -> None:
    paying = asyncio.create_task(twin.pay("nobody"))
    await twin.until_payment("p1", "received")
    await twin.pass_time(MINUTE)
    assert (await paying).refund_reason == "unknown_booking"
    await refunded_once(twin, "p1", "unknown_booking")


async def test_h14_money_that_is_earlier_than_its_booking_pays_for_it(twin: Twin) -> None:
    paying = asyncio.create_task(twin.pay("b1"))
    await twin.until_payment("p1", "received")
    await twin.process.place(place("b1", "1-1"))
    await twin.pass_time(timedelta(seconds=5))
    assert (await paying).status == "applied"
    assert (await twin.booking("b1")).status == "settled"


@pytest.mark.parametrize("end", ["denied", "cancelled"])
async def test_h16_money_for_a_booking_that_ended_goes_back(twin: Twin, end: str) -> None:
    await twin.process.place(place("b1", "1-1"))
    if end == "cancelled":
        await twin.process.cancel(BookingId("b1"), "ill")
    else:
        await twin.process.place(place("b2", "1-1"))
    booking_id, reason = ("b1" if end == "cancelled" else "b2"), f"booking_{end}"
    assert (await twin.pay(booking_id)).refund_reason == reason
    await refunded_once(twin, "p1", reason)
    assert await twin.verify() == ()


@pytest.mark.parametrize("amount", [LESS, DOLLARS], ids=["amount", "currency"])
async def test_h17_money_of_the_wrong_amount_goes_back(twin: Twin, amount: Money) -> None:
    await twin.process.place(place("b1", "1-1"))
    assert (await twin.pay("b1", "p1", amount)).refund_reason == "amount_mismatch"
    await refunded_once(twin, "p1", "amount_mismatch")
    assert (await twin.booking("b1")).status == "confirmed"
    assert (await twin.pay("b1", "p2", PRICE)).status == "applied"
    assert await twin.verify() == ()


async def test_h18_a_free_booking_is_settled_at_once_and_needs_no_money(twin: Twin) -> None:
    decision = await twin.process.place(place("b1", "1-1", concert=FREE))
    assert decision.status == "settled"
    assert (await twin.pay("b1")).refund_reason == "already_settled"
    assert await twin.verify() == ()


async def test_h19_a_capture_with_unknown_outcome_is_made_once(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    await twin.provider.plan({"operation": "capture", "fault": "timeout_after_effect", "times": 2})
    assert (await twin.pay("b1")).status == "applied"
    assert await twin.provider.effects("capture", "p1") == 1


async def test_h20_a_refund_with_unknown_outcome_is_made_once(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    await twin.process.cancel(BookingId("b1"), "ill")
    await twin.provider.plan({"operation": "refund", "fault": "timeout_after_effect", "times": 2})
    assert (await twin.pay("b1")).status == "refunded"
    await refunded_once(twin, "p1", "booking_cancelled")


async def test_h20_a_refund_that_fails_is_made_when_it_can(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    await twin.process.cancel(BookingId("b1"), "ill")
    await twin.provider.plan({"operation": "refund", "fault": "refuse", "times": 3})
    paying = asyncio.create_task(twin.pay("b1"))
    await twin.until_payment("p1", "refund_requested")
    assert [(finding.check, finding.payment_ids) for finding in await twin.verify()] == [
        ("payment_open", ("p1",))
    ]
    assert (await paying).status == "refunded"
    assert await twin.verify() == ()


async def test_h21_a_chargeback_is_found_and_frees_no_seat(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    await twin.pay("b1")
    await twin.provider.charge_back("p1")
    (finding,) = await twin.verify()
    assert (finding.check, finding.payment_ids) == ("provider_differs", ("p1",))
    received, applied = (event.split()[-1] for event in finding.events[-2:])
    assert (received, applied) == ("PaymentReceived", "PaymentApplied")
    assert await twin.held("b1") == 1


async def test_h40_a_payment_and_a_cancel_at_once_have_one_winner(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    paid, cancelled = await asyncio.gather(
        twin.pay("b1"), twin.process.cancel(BookingId("b1"), "ill")
    )
    settled = (await twin.booking("b1")).status == "settled"
    assert paid.status == ("applied" if settled else "refunded")
    assert cancelled.status == ("settled" if settled else "cancelled")
    await twin.until_booking("b1", "settled", "cancelled", holding=int(settled))
    assert await twin.verify() == ()
