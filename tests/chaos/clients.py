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
from tests.support.patience import SOON
from tests.support.waiting import eventually, insist
from ticketing.command_handler import BookingHandler
from ticketing.ids import booking_stream
from ticketing.money import Money
from ticketing.payment_provider.api import PaymentProvider, ProviderPayment
from ticketing.process import BookingProcess, CancelAnswer, PaymentOutcome, PlaceAnswer

ASK_AGAIN_AFTER = timedelta(milliseconds=300)
TENACITY = 2 * SOON  # an attack lasts half as long
NO_ANSWER = (TransientError, RPCError)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Clients:
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
        async def told() -> list[CancelAnswer]:
            answer = await _insist(lambda: self.process.cancel(plan.booking_id, "ill"))
            return [answer] if answer.status != "not_found" else []  # it is not placed yet

        return (await eventually(told, f"{plan} is placed", TENACITY, ASK_AGAIN_AFTER))[0]

    async def _pay(self, plan: Plan, amount: Money) -> PaymentOutcome:
        request = capture_request(plan.booking_id, plan.payment_id, amount)
        captured = await _insist(lambda: self.provider.capture(request))
        assert isinstance(captured, ProviderPayment)
        return await _insist(lambda: self.process.pay(captured.report()))

    async def _until_expired(self, plan: Plan) -> None:
        stream = booking_stream(plan.booking_id)

        async def expired() -> bool:
            booking = await self.bookings.read(stream)
            assert booking is not None
            return booking.status == "expired"

        await eventually(expired, f"{stream} expires", TENACITY, ASK_AGAIN_AFTER)


async def _insist(ask: Callable[[], Awaitable[T]]) -> T:
    """Everything a client can ask for is safe to repeat."""
    return await insist(ask, *NO_ANSWER, within=TENACITY, every=ASK_AGAIN_AFTER)
