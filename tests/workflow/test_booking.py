from datetime import timedelta

from temporalio.client import Client
from temporalio.testing import TimeSkipper

from tests.clock import Clock
from tests.workflow.conftest import (
    FREE_CONCERT,
    HOLD,
    OPEN_END_CONCERT,
    PRICE,
    Stage,
    payment,
    place,
)
from ticketing.booking.rejections import BookingAlreadyExists, TooManySeats
from ticketing.ids import BookingId
from ticketing.verification.postgres import verify_business
from workflows.client import booking_process


async def test_a_placed_booking_is_confirmed_with_its_price_and_deadline(running: Stage) -> None:
    decision = await running.process.place(place("b1", "1-1"))

    assert (decision.status, decision.total) == ("confirmed", PRICE)
    assert decision.expires_at is not None
    assert await running.events("b1") == ["BookingPlaced", "BookingConfirmed"]
    assert await running.held("b1") == 1


async def test_a_paid_booking_is_settled_and_keeps_its_seats(
    running: Stage, client: Client
) -> None:
    await running.process.place(place("b1", "1-1"))

    outcome = await running.process.pay(payment("b1"))

    assert outcome.status == "applied"
    ended = await booking_process(client, BookingId("b1")).result()
    assert ended.status == "settled"
    assert await running.held("b1") == 1
    assert (await running.process.pay(payment("b1"))) == outcome


async def test_a_booking_of_a_taken_seat_is_denied_with_the_seat_named(running: Stage) -> None:
    await running.process.place(place("b1", "1-1", "1-2"))

    decision = await running.process.place(place("b2", "1-2", "1-3"))

    assert (decision.status, decision.reason) == ("denied", "seats_unavailable: 1-2")
    assert await running.held("b2") == 0


async def test_a_free_booking_is_settled_at_once(running: Stage) -> None:
    decision = await running.process.place(place("b1", "1-1", concert=FREE_CONCERT))

    assert decision.status == "settled"
    assert await running.events("b1") == ["BookingPlaced", "BookingConfirmed", "BookingSettled"]


async def test_fault_2_an_unpaid_booking_expires_and_its_seats_come_free(
    running: Stage, client: Client, env: TimeSkipper, clock: Clock
) -> None:
    await running.process.place(place("b1", "1-1"))
    await clock.advance(HOLD)

    handle = booking_process(client, BookingId("b1"))
    await env.fast_forward(handle, HOLD + timedelta(minutes=1))

    assert (await handle.result()).status == "expired"
    assert await running.held("b1") == 0
    assert (await running.process.place(place("b2", "1-1"))).status == "confirmed"


async def test_fault_2_a_cancelled_booking_gives_its_seats_back(running: Stage) -> None:
    await running.process.place(place("b1", "1-1"))

    answer = await running.process.cancel(BookingId("b1"), "ill")

    assert (answer.status, answer.reason) == ("cancelled", "ill")
    assert await running.held("b1") == 0
    assert await verify_business(running.parts.pool) == ()


async def test_fault_9_the_same_request_again_gets_the_same_answer(running: Stage) -> None:
    first = await running.process.place(place("b1", "1-1"))

    assert await running.process.place(place("b1", "1-1")) == first
    assert await running.events("b1") == ["BookingPlaced", "BookingConfirmed"]


async def test_fault_9_the_same_id_with_other_seats_is_rejected(running: Stage) -> None:
    await running.process.place(place("b1", "1-1"))

    decision = await running.process.place(place("b1", "1-2"))

    assert decision.rejection == BookingAlreadyExists()
    assert await running.held("b1") == 1


async def test_a_rejected_request_can_be_corrected_under_the_same_id(running: Stage) -> None:
    eleven = [f"1-{number}" for number in range(1, 11)] + ["2-1"]
    rejected = await running.process.place(place("b1", *eleven))
    assert rejected.rejection == TooManySeats(limit=10)

    assert (await running.process.place(place("b1", "1-1"))).status == "confirmed"


async def test_a_booking_without_a_deadline_waits_without_a_timer(
    running: Stage, client: Client
) -> None:
    decision = await running.process.place(place("b1", "1-1", concert=OPEN_END_CONCERT))

    assert (decision.status, decision.expires_at) == ("confirmed", None)
    history = await client.get_workflow_handle("booking-b1").fetch_history()
    assert not any(event.HasField("timer_started_event_attributes") for event in history.events)
    assert (await running.process.cancel(BookingId("b1"), "ill")).status == "cancelled"
