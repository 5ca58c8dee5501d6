"""An event that its step cannot handle holds up its own booking, and nobody else's."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Never, cast

import pytest

from choreography.booking_expiration import run_sweeps
from entrypoints.processes import members, sweeps
from entrypoints.settings import Settings
from entrypoints.wiring import BoxOffice, consumer
from eventstore.slices import StreamId, slice_of
from tests.chaos.arena import LOOK_EVERY, START, ends
from tests.chaos.plans import CALM, HOLDS, concerts
from tests.chaos.wired import Trouble, cancel, place, subscription
from tests.support.builders import payment
from tests.support.clock import Clock
from tests.support.gates import with_before
from tests.support.log import streams_in
from tests.support.waiting import eventually
from ticketing.ids import BookingId, PaymentId, command_id
from ticketing.payment.commands import RequestRefund
from ticketing.payment_provider.api import PaymentProvider
from ticketing.views.api import BOOKING_PROJECTION, PAYMENT_PROJECTION

PROCESS = "BookingConfirmationProcess"
POISON, BESIDE = (
    BookingId(stream.removeprefix("booking-"))
    for stream in streams_in(slice_of(StreamId("booking-1")), 2)
)
RETRY_AFTER = tuple(timedelta(milliseconds=pause) for pause in (20, 60, 180))


@pytest.fixture(autouse=True)
async def _on_sale(parts: BoxOffice) -> None:
    for concert in concerts():
        await parts.reservations.add_concert(concert)


async def test_poison_is_parked_until_it_is_mended(parts: BoxOffice, settings: Settings) -> None:
    broken = Trouble(POISON)
    confirmation = replace(
        subscription(settings, with_before(parts, broken.before), PROCESS), retry_after=RETRY_AFTER
    )
    confirming = consumer(parts, confirmation)
    await place(parts, POISON, row=1)
    await place(parts, BESIDE, row=2)
    await cancel(parts, POISON)
    await confirming.run_until_caught_up()

    assert await ends(parts) == {POISON: "cancelled", BESIDE: "confirmed"}
    waits = [later - earlier for earlier, later in pairwise(broken.asked_at[1:])]
    assert all(
        wait >= least.total_seconds() for wait, least in zip(waits, RETRY_AFTER, strict=True)
    )
    letters = await parts.checkpoints.dead_letters()
    assert [(letter.consumer, letter.stream, letter.attempts) for letter in letters] == [
        (PROCESS, f"booking-{POISON}", len(RETRY_AFTER) + 1),
        (PROCESS, f"booking-{POISON}", 0),
    ]
    assert "cannot be read" in letters[0].error

    assert await confirming.retry_parked() == 0
    broken.mend()
    assert await confirming.retry_parked() == 2
    assert list(await parts.checkpoints.dead_letters()) == []
    for member in members(settings, parts, None):
        await member.run_until_caught_up()
    assert await parts.verification.verify_business() == ()


async def test_poison_mended_in_time_is_confirmed(parts: BoxOffice, settings: Settings) -> None:
    broken = Trouble(POISON)
    confirming = consumer(parts, subscription(settings, with_before(parts, broken.before), PROCESS))
    await place(parts, POISON, row=1)
    async with asyncio.TaskGroup() as group:
        group.create_task(confirming.run_until_caught_up())

        async def tried() -> bool:
            return bool(broken.asked_at)

        await eventually(tried, "tried", START)
        broken.mend()
    assert await ends(parts) == {POISON: "confirmed"}
    assert list(await parts.checkpoints.dead_letters()) == []


class SilentProvider:
    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def refund(self, _: PaymentId) -> Never:
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


async def test_a_provider_that_never_answers_holds_up_no_expiry(
    parts: BoxOffice, settings: Settings, clock: Clock
) -> None:
    silent = SilentProvider()
    deaf = replace(parts, provider=cast(PaymentProvider, silent))
    await place(parts, BESIDE, row=1)
    await consumer(parts, subscription(settings, parts, PROCESS)).run_until_caught_up()
    await receive_and_request_refund(parts)
    for name in (BOOKING_PROJECTION, PAYMENT_PROJECTION):
        await consumer(parts, subscription(settings, parts, name)).run_until_caught_up()

    sweeping = asyncio.create_task(run_sweeps(sweeps(settings, deaf), LOOK_EVERY))
    async with asyncio.timeout(START.total_seconds()):
        await silent.asked.wait()
    await clock.advance(2 * HOLDS[CALM])

    async def expired() -> bool:
        return await ends(parts) == {BESIDE: "expired"}

    await eventually(expired, "expired", START)
    sweeping.cancel()
    await asyncio.wait([sweeping])


async def receive_and_request_refund(parts: BoxOffice) -> None:
    received = payment("nobody")
    refund = RequestRefund(payment_id=received.payment_id, reason="unknown_booking")
    for command in (received, refund):
        step = command_id(received.payment_id, type(command).__name__)
        await parts.payments.execute(command, command_id=step, metadata={})
