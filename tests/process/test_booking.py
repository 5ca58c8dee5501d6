"""What only a workflow can do wrong; the scenarios that both twins share are in tests/scenarios."""

from temporalio.client import Client

from tests.process.conftest import (
    OPEN_END_CONCERT,
    Stage,
    payment,
    place,
)
from ticketing.ids import BookingId
from workflows.client import booking_handle


async def test_a_paid_booking_is_settled_and_keeps_its_seats(
    running: Stage, client: Client
) -> None:
    await running.process.place(place("b1", "1-1"))

    outcome = await running.process.pay(payment("b1"))

    assert outcome.status == "applied"
    ended = await booking_handle(client, BookingId("b1")).result()
    assert ended.status == "settled"
    assert await running.held("b1") == 1
    assert (await running.process.pay(payment("b1"))) == outcome


async def test_a_booking_without_a_deadline_waits_without_a_timer(
    running: Stage, client: Client
) -> None:
    decision = await running.process.place(place("b1", "1-1", concert=OPEN_END_CONCERT))

    assert (decision.status, decision.expires_at) == ("confirmed", None)
    history = await client.get_workflow_handle("booking-b1").fetch_history()
    assert not any(event.HasField("timer_started_event_attributes") for event in history.events)
    assert (await running.process.cancel(BookingId("b1"), "ill")).status == "cancelled"
