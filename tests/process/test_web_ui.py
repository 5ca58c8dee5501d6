"""What an operator reads of a process, and may type. A browser does it in tests/browser/."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError

from tests.support.builders import PRICE, SHORT, concert, place
from tests.support.gates import gated
from tests.support.provider import Provider
from tests.support.stage import Stage, until_it_waits
from ticketing.ids import BookingId
from ticketing.process import PlaceAnswer
from workflows.client import CLIENT_ID, CONCERT_ID, booking_handle, start_payment

B1 = BookingId("b1")
ROW_3 = [f"3-{number}" for number in range(1, 101)]
WRONG_INPUTS: tuple[tuple[list[object], str], ...] = (
    ([], "Input should be a valid dictionary or instance of CancelRequest"),
    ([None], "Input should be a valid dictionary or instance of CancelRequest"),
    (["ill"], "Input should be a valid dictionary or instance of CancelRequest"),
    ([{}], "reason: Field required"),
    ([{"reason": ""}], "reason: String should have at least 1 character"),
    ([{"reason": "ill", "cancelled_by": "me"}], "cancelled_by: Input should be 'client' or"),
    ([{"reason": "ill", "seat": "1-1"}], "seat: Extra inputs are not permitted"),
    ([{"reason": "NUL \0 is kept by no database"}], "reason: String should match pattern"),
)
NO_INPUT: tuple[list[object], ...] = ([], [{}])
TAKE_TIME = {EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, EventType.EVENT_TYPE_TIMER_STARTED}


@pytest.fixture
def provider_url(provider: Provider) -> str:
    return provider.url


async def metadata(process: WorkflowHandle[Any, Any]) -> WorkflowMetadata:
    answer = await process.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    assert isinstance(answer, WorkflowMetadata)
    return answer


async def details(process: WorkflowHandle[Any, Any]) -> str:
    return (await metadata(process)).current_details


def until(instant: datetime | None) -> str:
    assert instant is not None
    return f"until **{instant:%Y-%m-%d %H:%M:%S} UTC**"


async def test_a_booking_says_what_it_waits_for(stage: Stage, client: Client) -> None:
    process = booking_handle(client, B1)
    async with gated(stage, client, before="reserve") as gate:
        placing = asyncio.create_task(stage.process.place(place("b1", "1-1")))
        await gate.reached.wait()
        started_at = (await process.describe()).start_time
        limit = timedelta(seconds=stage.settings.confirmation_timeout_seconds)
        words = (await details(process)).rsplit(" until ", maxsplit=1)
        assert words[0] == "Waits for **the reservation of its seats**"
        told = datetime.strptime(words[1], "**%Y-%m-%d %H:%M:%S UTC**").replace(
            tzinfo=started_at.tzinfo
        )
        assert abs(told - started_at - limit) < timedelta(minutes=1)  # of ten
        gate.opened.set()
        decision = await placing
        expected = f"Waits for **payment of 5.00 EUR** {until(decision.expires_at)}"
        assert await details(process) == expected

    async with gated(stage, client, before="release") as gate:
        cancelling = asyncio.create_task(stage.process.cancel(B1, "[here](http://x) `ill`"))
        await gate.reached.wait()
        expected = "Waits for **the release of its seats** for as long as it takes"
        assert await details(process) == expected
        gate.opened.set()
        await cancelling
        assert await details(process) == "Ended: **cancelled**: `[here](http://x) 'ill'`"


async def test_a_booking_and_its_payment_name_each_other(running: Stage, client: Client) -> None:
    await running.process.place(place("b1", "1-1"))
    await running.pay("b1")
    booking, money = booking_handle(client, B1), client.get_workflow_handle("payment-p1")
    await booking.result()
    assert await details(booking) == "Ended: **settled** by **payment-p1**"
    assert await details(money) == "Ended: **applied**"
    about_booking, about_money = await booking.describe(), await money.describe()
    assert await about_booking.static_summary() == "concertA: 1-1 for ann"
    assert "send the update `cancel` with `{" in str(await about_booking.static_details())
    assert await about_money.static_summary() == "a payment for booking-b1"
    assert "A payment was reported, for **booking-b1**" in str(await about_money.static_details())
    for columns in (about_booking.typed_search_attributes, about_money.typed_search_attributes):
        assert (columns.get(CONCERT_ID), columns.get(CLIENT_ID)) == ("concertA", "ann")


async def test_everything_that_takes_time_has_a_summary(running: Stage, client: Client) -> None:
    await running.parts.reservations.add_concert(concert(SHORT, PRICE, timedelta(seconds=1)))
    await running.process.place(place("b1", "1-1", concert=SHORT))
    await running.process.place(place("b2", "1-1", "1-2"))
    money = (await running.capture("nobody")).report()
    lost = await start_payment(client, running.settings.task_queue, money)
    await until_it_waits(lost)
    expected = "Waits for **booking-nobody to take the money (BookingNotFound)** until **20"
    assert (await details(lost)).startswith(expected)
    await booking_handle(client, B1).result()

    assert await summaries(client, "booking-b1") == [
        "read the terms",
        "place",
        "reserve 1-1",
        "confirm",
        "tell the client: confirmed",
        "the booking expires",
        "expire",
        "release 1-1",
        "tell the client: expired",
    ]
    assert (await summaries(client, "booking-b2"))[-1] == "remind the client to pay"
    asked_once = (await summaries(client, "payment-p1"))[:4]
    assert asked_once == [
        "receive",
        "read the terms",
        "pay the booking",
        "ask booking-nobody again",
    ]


async def test_what_can_be_sent_says_what_it_is_for(running: Stage, client: Client) -> None:
    await running.process.place(place("b1", "1-1"))
    known = (await metadata(booking_handle(client, B1))).definition
    assert [update.name for update in known.update_definitions if update.description] == [
        "cancel",
        "decision",
    ]
    assert [signal.name for signal in known.signal_definitions if signal.description] == ["settled"]
    assert [query.name for query in known.query_definitions if query.description] == ["status"]


async def test_a_wrong_cancel_is_told_what_is_allowed(running: Stage, client: Client) -> None:
    await running.process.place(place("b1", "1-1"))
    process = booking_handle(client, B1)
    before = len((await process.fetch_history()).events)
    for args, wrong in WRONG_INPUTS:
        with pytest.raises(WorkflowUpdateFailedError) as failed:
            await process.execute_update("cancel", args=args)
        assert isinstance(failed.value.cause, ApplicationError)
        assert failed.value.cause.message.startswith(wrong), args
        assert 'Allowed: {"reason": "...", "cancelled_by"' in failed.value.cause.message
    with pytest.raises(WorkflowUpdateFailedError):
        await process.execute_update("cancel", args=[{"reason": "ill"}, "twice"])
    assert len((await process.fetch_history()).events) == before
    answer = await process.execute_update("cancel", {"reason": "ill", "cancelled_by": "operator"})
    assert answer == {"status": "cancelled", "reason": "ill"}


async def test_a_decision_takes_no_input_and_minds_none(running: Stage, client: Client) -> None:
    decided = await running.process.place(place("b1", "1-1"))
    for args in NO_INPUT:
        answer = await booking_handle(client, B1).execute_update(
            "decision", args=args, result_type=PlaceAnswer
        )
        assert answer == decided


async def test_a_summary_of_a_hundred_seats_fits(running: Stage, client: Client) -> None:
    assert (await running.process.place(place("b1", *ROW_3))).status == "rejected"
    about = await booking_handle(client, B1).describe()
    assert len(str(await about.static_summary())) == 200


async def summaries(client: Client, process: str) -> list[str]:
    """Of each activity and timer, in order; empty if it has none."""
    events = (await client.get_workflow_handle(process).fetch_history()).events
    return [_summary(event) for event in events if _takes_time(event)]


def _takes_time(event: HistoryEvent) -> bool:
    is_local_activity = event.marker_recorded_event_attributes.marker_name == "core_local_activity"
    return is_local_activity or event.event_type in TAKE_TIME


def _summary(event: HistoryEvent) -> str:
    payload = event.user_metadata.summary
    if not payload.data:
        return ""
    (summary,) = pydantic_data_converter.payload_converter.from_payloads([payload], [str])
    return str(summary)
