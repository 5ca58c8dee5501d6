"""Clients that insist: whatever the other side is going through, they ask until they know."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from temporalio.service import RPCError

from eventstore.errors import TransientError
from tests.chaos.plans import TOTAL, Plan
from tests.support.builders import PRICE, capture_request
from ticketing.command_handler import BookingHandler
from ticketing.ids import booking_stream
from ticketing.money import Money
from ticketing.payment_provider.api import PaymentProvider, ProviderPayment
from ticketing.process import BookingProcess, CancelAnswer, PaymentOutcome, PlaceAnswer

ASK_AGAIN_AFTER = timedelta(milliseconds=300)
NO_ANSWER = (TransientError, RPCError)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Clients:
    """All of them: each plan is one client's."""

    process: BookingProcess
    provider: PaymentProvider
    bookings: BookingHandler

    async def carry_out(self, plans: Sequence[Plan]) -> None:
        """Each plan from its begin until its client knows how it ended."""
        async with asyncio.TaskGroup() as group:
            for plan in plans:
                group.create_task(self._one(plan), name=plan.booking_id)

    async def _one(self, plan: Plan) -> None:
        await asyncio.sleep(plan.begins_after.total_seconds())
        match plan.kind:
            case "paid" | "rivals":
                decision = await self._place(plan)
                if decision.status == "confirmed":
                    assert (await self._pay(plan, TOTAL)).status == "applied"
            case "unpaid":
                await self._confirmed(plan)
            case "cancelled":
                await asyncio.gather(self._place(plan), self._cancel(plan))
            case "late":
                await self._confirmed(plan)
                await self._until_expired(plan)
                assert (await self._pay(plan, TOTAL)).reinstated
            case "wrong amount":
                await self._confirmed(plan)
                assert (await self._pay(plan, PRICE)).status == "refunded"

    async def _confirmed(self, plan: Plan) -> None:
        decision = await self._place(plan)
        # A hold of seconds may be over before anybody lives long enough to answer.
        assert decision.status in ("confirmed", "expired"), decision

    async def _place(self, plan: Plan) -> PlaceAnswer:
        return await _insist(lambda: self.process.place(plan.request))

    async def _cancel(self, plan: Plan) -> CancelAnswer:
        while True:
            answer = await _insist(lambda: self.process.cancel(plan.booking_id, "ill"))
            if answer.status != "not_found":  # it was not placed yet
                return answer
            await _moment()

    async def _pay(self, plan: Plan, amount: Money) -> PaymentOutcome:
        request = capture_request(plan.booking_id, plan.payment_id, amount)
        captured = await _insist(lambda: self.provider.capture(request))
        assert isinstance(captured, ProviderPayment)
        return await _insist(lambda: self.process.pay(captured.received()))

    async def _until_expired(self, plan: Plan) -> None:
        stream = booking_stream(plan.booking_id)
        while True:
            booking = await self.bookings.read(stream)
            assert booking is not None
            if booking.status == "expired":
                return
            await _moment()


async def _insist(ask: Callable[[], Awaitable[T]]) -> T:
    """Everything a client can ask for is safe to repeat."""
    while True:
        try:
            return await ask()
        except NO_ANSWER:
            await _moment()


async def _moment() -> None:
    await asyncio.sleep(ASK_AGAIN_AFTER.total_seconds())
