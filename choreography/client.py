"""Clients of the choreographed booking process send commands, then look at the log."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from eventstore.api import Doorbell, Metadata
from ticketing.booking.commands import CancelBooking, PlaceBooking
from ticketing.booking.rejections import BookingNotFound
from ticketing.booking.state import Booking
from ticketing.command_handler import Accepted, BookingHandler, PaymentHandler
from ticketing.ids import BookingId, booking_stream, command_id, payment_stream
from ticketing.payment.commands import ReportPayment
from ticketing.process import CancelAnswer, NoAnswerError, PaymentOutcome, PlaceAnswer, new_id

LOOK_AGAIN = timedelta(milliseconds=200)  # when the doorbell is silent

# A "process" here would say that one leads the booking: where Temporal does, none would be started.
BY_A_CLIENT: Metadata = {"via": "client"}

T = TypeVar("T")


class ChoreographedBookingProcess:
    """A `BookingProcess` on the log. `patience` is how long a caller waits for an answer."""

    def __init__(
        self,
        bookings: BookingHandler,
        payments: PaymentHandler,
        doorbell: Doorbell,
        *,
        patience: timedelta,
    ) -> None:
        self._bookings = bookings
        self._payments = payments
        self._doorbell = doorbell
        self._patience = patience

    async def place(self, request: PlaceBooking) -> PlaceAnswer:
        stream = booking_stream(request.booking_id)
        placed = await self._bookings.execute(
            request, command_id=_own_id(stream, request), metadata=BY_A_CLIENT
        )
        if not isinstance(placed, Accepted):
            return PlaceAnswer(booking_id=request.booking_id, status="rejected", rejection=placed)

        async def decided() -> PlaceAnswer | None:
            booking = await self._bookings.read(stream)
            if booking is None or booking.status == "awaiting_confirmation":
                return None
            return _decision(request.booking_id, booking)

        return await self._until(decided, f"no decision on {request.booking_id} in time")

    async def pay(self, payment: ReportPayment) -> PaymentOutcome:
        stream = payment_stream(payment.payment_id)
        # A payment that was refused may be reported again, so each report has an id of its own.
        await self._payments.execute(payment, command_id=UUID(new_id()), metadata=BY_A_CLIENT)

        async def ended() -> PaymentOutcome | None:
            state = await self._payments.read(stream)
            assert state is not None  # it has been reported
            if state.status not in ("applied", "refunded", "refused"):
                return None
            booking = await self._bookings.read(booking_stream(state.booking_id))
            return PaymentOutcome(
                payment_id=payment.payment_id,
                status="rejected" if state.status == "refused" else state.status,
                refund_reason=state.refund_reason,
                reinstated=state.status == "applied" and booking is not None and booking.reinstated,
                reason=state.refusal,
            )

        return await self._until(ended, f"{payment.payment_id} is not settled in time")

    async def cancel(self, booking_id: BookingId, reason: str) -> CancelAnswer:
        stream = booking_stream(booking_id)
        cancel = CancelBooking(booking_id=booking_id, reason=reason, cancelled_by="client")
        answer = await self._bookings.execute(
            cancel, command_id=_own_id(stream, cancel), metadata=BY_A_CLIENT
        )
        if isinstance(answer, BookingNotFound):
            return CancelAnswer(status="not_found")
        booking = await self._bookings.read(stream)
        assert booking is not None  # it has just answered
        return CancelAnswer(status=booking.status, reason=booking.reason)

    async def _until(self, look: Callable[[], Awaitable[T | None]], too_late: str) -> T:
        try:
            async with asyncio.timeout(self._patience.total_seconds()):
                while True:
                    heard = self._doorbell.heard()
                    if (found := await look()) is not None:
                        return found
                    await self._doorbell.wait(LOOK_AGAIN, after=heard)
        except TimeoutError as error:
            raise NoAnswerError(too_late) from error


def _own_id(stream: str, request: PlaceBooking | CancelBooking) -> UUID:
    """Return the same id only for the same content: the entity decides between two requests."""
    return command_id(stream, request.model_dump_json())


def _decision(booking_id: BookingId, booking: Booking) -> PlaceAnswer:
    """The first decision: what happened to a confirmed booking later does not change it."""
    to_pay = booking.total is not None and booking.total.amount_minor > 0
    return PlaceAnswer(
        booking_id=booking_id,
        status="confirmed" if to_pay else booking.status,
        total=booking.total,
        tickets=booking.tickets,
        expires_at=booking.expires_at,
        reason=None if to_pay else booking.reason,
    )
