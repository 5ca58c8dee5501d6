"""Place, confirm or deny, cancel, expire: whoever leads a booking, it comes to the same end."""

import asyncio
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest

from eventstore.postgres.log import PostgresEventStore
from eventstore.slices import Slice, StreamId
from tests.integration.eventstore.races import somebody_waits_for_a_slice
from tests.scenarios.conftest import SLOW, Twin
from tests.support.builders import CONCERT, FREE, HOLD, OPEN_END, PRICE, place
from tests.support.crowd import crowd
from tests.support.log import caught_up, streams_in
from ticketing.booking.decider import BOOKING
from ticketing.booking.rejections import BookingAlreadyExists, DuplicateSeats, TooManySeats
from ticketing.command_handler import BOOKING_CODEC, CommandHandler
from ticketing.ids import BookingId, ConcertId, booking_stream
from ticketing.process import CancelAnswer
from ticketing.reservations.api import Reserved
from ticketing.seats import Seat
from ticketing.views.api import BOOKING_PROJECTION

B1 = BookingId("b1")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
CLIENTS, HOT_SEATS = 60, 10


async def test_a_placed_booking_is_confirmed_with_its_price_and_deadline(twin: Twin) -> None:
    decision = await twin.process.place(place("b1", "1-1"))
    assert (decision.status, decision.total) == ("confirmed", PRICE)
    assert decision.expires_at is not None
    assert await twin.events("b1") == ["BookingPlaced", "BookingConfirmed"]
    assert await twin.held("b1") == 1
    assert (await twin.until_told("confirmed", "b1")).expires_at == decision.expires_at


async def test_a_booking_of_a_taken_seat_is_denied(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1", "1-2"))
    decision = await twin.process.place(place("b2", "1-2", "1-3"))
    assert (decision.status, decision.reason) == ("denied", "seats_unavailable: 1-2")
    assert await twin.held("b2") == 0
    assert (await twin.until_told("denied", "b2")).reason == decision.reason
    assert await twin.all_quiet() == ()


async def test_h29_what_is_not_for_sale_is_denied(twin: Twin) -> None:
    seat = await twin.process.place(place("b1", "1-1", "99-1"))
    concert = await twin.process.place(place("b2", "1-1", concert=ConcertId("nowhere")))
    assert (seat.status, seat.reason) == ("denied", "unknown_seats: 99-1")
    assert (concert.status, concert.reason) == ("denied", "unknown_concert")


async def test_a_request_that_breaks_a_limit_may_be_corrected(twin: Twin) -> None:
    eleven = [f"1-{number}" for number in range(1, 11)] + ["2-1"]
    too_many = await twin.process.place(place("b1", *eleven))
    twice = await twin.process.place(place("b1", "1-1", "1-1"))
    assert too_many.rejection == TooManySeats(limit=10)
    assert twice.rejection == DuplicateSeats(seats=(Seat(row=1, number=1),))
    assert (await twin.process.place(place("b1", "1-1"))).status == "confirmed"


async def test_fault_9_the_same_request_again_gets_the_same_answer(twin: Twin) -> None:
    first = await twin.process.place(place("b1", "1-1"))
    assert await twin.process.place(place("b1", "1-1")) == first
    assert await twin.events("b1") == ["BookingPlaced", "BookingConfirmed"]


async def test_fault_9_the_same_id_with_other_seats_is_rejected(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    assert (await twin.process.place(place("b1", "1-2"))).rejection == BookingAlreadyExists()
    assert await twin.held("b1") == 1


async def test_h35_equal_requests_at_once_make_one_booking(twin: Twin) -> None:
    decisions = await asyncio.gather(*(twin.process.place(place("b1", "1-1")) for _ in range(5)))
    assert {decision.status for decision in decisions} == {"confirmed"}
    assert {*decisions} == {decisions[0]}
    assert await twin.events("b1") == ["BookingPlaced", "BookingConfirmed"]


async def test_h36_different_requests_at_once_under_one_id_make_one_booking(twin: Twin) -> None:
    decisions = await asyncio.gather(
        twin.process.place(place("b1", "1-1")), twin.process.place(place("b1", "1-2"))
    )
    assert sorted(decision.status for decision in decisions) == ["confirmed", "rejected"]
    assert await twin.held("b1") == 1


async def test_a_booking_that_is_only_in_the_log_is_confirmed(twin: Twin) -> None:
    await twin.parts.bookings.execute(place("b1", "1-1"), command_id=uuid4(), metadata={})
    await twin.until_booking("b1", "confirmed", holding=1)
    assert (await twin.process.place(place("b1", "1-1"))).status == "confirmed"
    assert await twin.events("b1") == ["BookingPlaced", "BookingConfirmed"]


async def test_fault_1_a_reservation_made_before_a_crash_is_the_bookings_own(twin: Twin) -> None:
    request = place("b1", "1-1")
    made = await twin.parts.reservations.reserve(request.booking_id, 1, CONCERT, request.seats)
    assert isinstance(made, Reserved)
    decision = await twin.process.place(request)
    assert (decision.status, decision.expires_at) == ("confirmed", made.expires_at)


async def test_fault_7_bookings_whose_placing_commits_late_are_confirmed(twin: Twin) -> None:
    """What happens to a feed that skips one: tests/integration/eventstore/test_gaps.py."""
    first, second = (stream.removeprefix("booking-") for stream in streams_in(Slice(3), 2))
    async with asyncio.TaskGroup() as group, twin.parts.checkpoints.transaction() as tx:
        late = CommandHandler(
            PostgresEventStore(tx),
            twin.parts.doorbell,
            BOOKING,
            BOOKING_CODEC,
            lambda command: booking_stream(command.booking_id),
        )
        await late.execute(place(first, "1-1"), command_id=uuid4(), metadata={})
        placing = twin.parts.bookings.execute(place(second, "1-2"), command_id=uuid4(), metadata={})
        group.create_task(placing)
        await somebody_waits_for_a_slice(twin.parts.pool)
        await twin.process.place(place("b3", "1-3"))  # the feed goes on elsewhere

    await twin.until_booking(first, "confirmed", holding=1)
    await twin.until_booking(second, "confirmed", holding=1)


async def test_fault_8_a_slow_reservation_holds_up_no_other_booking(twin: Twin) -> None:
    placing = asyncio.create_task(twin.process.place(place(SLOW, "1-1")))
    await twin.gate.reached.wait()
    assert (await twin.process.place(place("quick", "1-2"))).status == "confirmed"
    twin.gate.opened.set()
    assert (await placing).status == "confirmed"


@pytest.mark.settings(confirmation_timeout_seconds=0.5)
async def test_h33_without_an_answer_in_time_a_booking_is_denied(twin: Twin) -> None:
    decision = await twin.process.place(place(SLOW, "1-1"))
    assert (decision.status, decision.reason) == ("denied", "reservation_timed_out")
    await twin.until_told("denied", SLOW)
    twin.gate.opened.set()  # the answer comes after all
    assert (await twin.process.place(place("b1", "1-1"))).status == "confirmed"
    assert await twin.held(SLOW) == 0
    assert await twin.all_quiet() == ()


async def test_fault_3_h39_a_cancel_during_the_reservation_leaks_no_seat(twin: Twin) -> None:
    placing = asyncio.create_task(twin.process.place(place(SLOW, "1-1")))
    await twin.gate.reached.wait()
    assert (await twin.process.cancel(SLOW, "changed my mind")).status == "cancelled"
    twin.gate.opened.set()
    assert (await placing).status == "cancelled"
    await twin.until_told("cancelled", SLOW)
    assert await twin.all_quiet() == ()
    assert await twin.held(SLOW) == 0


@pytest.mark.parametrize("taken", [False, True])
async def test_h15_a_payment_that_overtakes_the_decision_waits(twin: Twin, *, taken: bool) -> None:
    if taken:
        await twin.process.place(place("b1", "1-1"))
    placing = asyncio.create_task(twin.process.place(place(SLOW, "1-1")))
    await twin.gate.reached.wait()
    paying = asyncio.create_task(twin.pay(SLOW))
    await twin.until_payment("p1", "received")
    twin.gate.opened.set()
    assert (await placing).status == ("denied" if taken else "confirmed")
    await twin.pass_time(timedelta(seconds=5))
    assert (await paying).refund_reason == ("booking_denied" if taken else None)
    assert (await twin.booking(SLOW)).status == ("denied" if taken else "settled")


async def test_fault_2_a_cancelled_booking_gives_its_seats_back(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    answer = await twin.process.cancel(B1, "ill")
    assert answer == CancelAnswer(status="cancelled", reason="ill")
    await twin.until_booking("b1", "cancelled", holding=0)
    await twin.until_told("cancelled", "b1")
    assert (await twin.process.place(place("b2", "1-1"))).status == "confirmed"
    assert await twin.all_quiet() == ()


async def test_two_cancels_at_once_get_one_answer(twin: Twin) -> None:
    for number in range(5):
        booking_id = BookingId(f"b{number}")
        await twin.process.place(place(booking_id, f"{number + 1}-1"))
        reasons = ("ill", "still ill", "well again")
        cancelling = (twin.process.cancel(booking_id, reason) for reason in reasons)
        assert len({*await asyncio.gather(*cancelling)}) == 1
        assert (await twin.events(booking_id)).count("BookingCancelled") == 1


async def test_a_cancel_says_how_the_booking_ended_if_it_has(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    await twin.process.place(place("b2", "1-1"))
    await twin.process.place(place("b3", "1-2", concert=FREE))
    first = await twin.process.cancel(B1, "ill")
    again = await twin.process.cancel(B1, "still ill")
    denied = await twin.process.cancel(BookingId("b2"), "ill")
    settled = await twin.process.cancel(BookingId("b3"), "ill")
    assert again == first
    assert (denied.status, settled.status) == ("denied", "settled")
    assert (await twin.process.cancel(BookingId("nobody"), "ill")).status == "not_found"


async def test_fault_2_an_unpaid_booking_expires_and_its_seats_come_free(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    await twin.pass_time(HOLD + MINUTE)
    await twin.until_booking("b1", "expired", holding=0)
    await twin.until_told("expired", "b1")
    assert (await twin.process.place(place("b2", "1-1"))).status == "confirmed"
    assert await twin.all_quiet() == ()


async def test_only_an_unpaid_booking_is_reminded_and_only_once(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    await twin.process.place(place("paid", "1-2"))
    await twin.pay("paid")
    await twin.pass_time(HOLD - HOUR / 2)
    await twin.until_told("payment_reminder", "b1")
    await twin.pass_time(HOUR)
    await twin.until_told("expired", "b1")
    assert twin.told("b1") == ["confirmed", "payment_reminder", "expired"]
    assert twin.told("paid") == ["confirmed", "settled"]


async def test_a_booking_can_be_paid_until_its_deadline(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    await twin.pass_time(HOLD - MINUTE)
    assert (await twin.pay("b1")).status == "applied"
    assert await twin.events("b1") == [
        "BookingPlaced",
        "BookingConfirmed",
        "BookingPaid",
        "BookingSettled",
    ]


async def test_a_free_booking_keeps_its_seats_and_its_client_hears_of_it_once(twin: Twin) -> None:
    assert (await twin.process.place(place("b1", "1-1", concert=FREE))).status == "settled"
    await twin.pass_time(2 * HOLD)
    await twin.until_told("settled", "b1")
    assert twin.told("b1") == ["settled"]
    assert await twin.held("b1", FREE) == 1


async def test_a_booking_without_a_deadline_waits_until_it_is_paid(twin: Twin) -> None:
    decision = await twin.process.place(place("b1", "1-1", concert=OPEN_END))
    assert (decision.status, decision.expires_at) == ("confirmed", None)
    await twin.pass_time(timedelta(days=400))
    assert (await twin.pay("b1")).status == "applied"
    assert await twin.held("b1", OPEN_END) == 1


async def test_fault_5_the_view_says_denied_as_the_entity_does(twin: Twin) -> None:
    await twin.process.place(place("b1", "1-1"))
    await twin.process.place(place("b2", "1-1"))
    *_, denied = await twin.parts.store.read_stream(StreamId("booking-b2"))
    await caught_up(twin.parts.checkpoints, BOOKING_PROJECTION, slice=denied.slice)
    assert await twin.all_quiet() == ()  # it compares every view with its entity
    view = await twin.parts.views.booking(BookingId("b2"))
    assert view is not None
    assert view.status == (await twin.booking("b2")).status == "denied"


@pytest.mark.timeout(120)
async def test_fault_10_many_clients_at_once_get_each_seat_once(twin: Twin) -> None:
    wanted = [
        (f"1-{number % HOT_SEATS + 1}", f"1-{(number + 1) % HOT_SEATS + 1}")
        for number in range(CLIENTS)
    ]

    decisions = await crowd(
        partial(twin.process.place, place(f"c{number}", *seats))
        for number, seats in enumerate(wanted)
    )

    seats = await twin.parts.reservations.seats(CONCERT)
    holders = [seat.booking_id for seat in seats if seat.booking_id]
    winners = [decision.booking_id for decision in decisions if decision.status == "confirmed"]
    losers = [decision for decision in decisions if decision.status == "denied"]
    assert sorted(holders) == sorted([*winners, *winners])
    assert 1 <= len(winners) <= HOT_SEATS // 2
    assert len(winners) + len(losers) == CLIENTS
    assert all((decision.reason or "").startswith("seats_unavailable: 1-") for decision in losers)
    assert await twin.all_quiet() == ()
