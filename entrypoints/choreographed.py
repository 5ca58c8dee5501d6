"""What is plugged where in the choreography: consumers of the log, and sweeps on a clock."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import asyncpg
import structlog

from choreography import (
    booking_confirmation,
    booking_expiration,
    booking_payment,
    notification,
    refund,
)
from choreography.booking_expiration import every, sweep
from choreography.seat_release import release_seats
from entrypoints.settings import Settings
from entrypoints.wiring import BOOKING_CODEC, BoxOffice, projections, terms
from eventstore.api import StoredEvent
from eventstore.consumer import Subscription
from eventstore.delivery import AtLeastOnce, AtMostOnce
from eventstore.slices import Category, StreamId
from ticketing.booking.events import BookingPlaced
from ticketing.errors import TransientError
from ticketing.ids import BookingId, PaymentId, booking_stream, payment_stream
from ticketing.views.api import BookingView, PaymentView

SWEEP_MAX = 500  # of one kind at a time: the rest is found by the next look
BOOKING, PAYMENT = Category("booking"), Category("payment")

Sweep = Callable[[], Awaitable[int]]

_log = structlog.get_logger()


class Choreography:
    """Every reaction of domain events to the next step, bound to its services."""

    def __init__(self, settings: Settings, parts: BoxOffice) -> None:
        self._parts = parts
        self._terms = terms(settings)
        self._of_payments = booking_payment.Services(
            parts.bookings, parts.payments, parts.reservations, self._terms
        )

    def subscriptions(self) -> list[Subscription[asyncpg.Connection]]:
        """The consumers, each with its own checkpoints and delivery mode (domain page, table)."""
        return [
            *projections(self._parts),
            Subscription("BookingConfirmationProcess", BOOKING, AtLeastOnce(self._confirm, "park")),
            Subscription("SeatReleaseProcess", BOOKING, AtLeastOnce(self._release, "park")),
            Subscription("BookingPaymentProcess", PAYMENT, AtLeastOnce(self._pay, "park")),
            Subscription("RefundProcess", PAYMENT, AtLeastOnce(self._refund, "park")),
            Subscription("NotificationProcess", BOOKING, AtMostOnce(self._tell)),
            Subscription("RefundNotificationProcess", PAYMENT, AtMostOnce(self._tell_refund)),
        ]

    def sweeps(self) -> list[Sweep]:
        """What only time brings about."""
        views, payments = self._parts.views, self._parts.payment_views
        return [
            partial(
                sweep,
                partial(views.overdue, self._terms.expiry_grace, limit=SWEEP_MAX),
                self._expire,
            ),
            partial(
                sweep,
                partial(views.unconfirmed, self._terms.confirmation_timeout, limit=SWEEP_MAX),
                partial(booking_confirmation.deny_unconfirmed, bookings=self._parts.bookings),
            ),
            partial(
                sweep,
                partial(views.to_remind, self._terms.reminder_before, limit=SWEEP_MAX),
                self._remind,
            ),
            partial(
                sweep, partial(payments.under_way, "received", limit=SWEEP_MAX), self._pay_again
            ),
            partial(
                sweep,
                partial(payments.under_way, "refund_requested", limit=SWEEP_MAX),
                self._refund_again,
            ),
        ]

    async def run_sweeps(self, frequency: timedelta) -> None:
        """Sweep until cancelled; one that is slow or fails holds up no other."""
        async with asyncio.TaskGroup() as group:
            for each in self.sweeps():
                group.create_task(every(frequency, each, page=SWEEP_MAX))

    async def _confirm(self, stored: StoredEvent) -> None:
        if isinstance(event := BOOKING_CODEC.decode(stored), BookingPlaced):
            await booking_confirmation.confirm_or_deny(
                _booking_id(stored),
                event,
                bookings=self._parts.bookings,
                reservations=self._parts.reservations,
            )

    async def _release(self, stored: StoredEvent) -> None:
        event = BOOKING_CODEC.decode(stored)
        await release_seats(_booking_id(stored), event, reservations=self._parts.reservations)

    async def _pay(self, stored: StoredEvent) -> None:
        if stored.type == "PaymentReceived":
            await self._use(_payment_id(stored), timedelta(0))

    async def _pay_again(self, found: tuple[PaymentView, timedelta]) -> None:
        payment, waited = found
        await self._use(payment.payment_id, waited)

    async def _use(self, payment_id: PaymentId, waited: timedelta) -> None:
        await booking_payment.use_payment(payment_id, waited=waited, by=self._of_payments)

    async def _refund(self, stored: StoredEvent) -> None:
        if stored.type == "PaymentRefundRequested":
            try:
                await self._make_refund(_payment_id(stored))
            except TransientError:  # the sweep asks again: nobody else's refund waits for this one
                _log.warning("refund not made yet", payment_id=_payment_id(stored))

    async def _refund_again(self, found: tuple[PaymentView, timedelta]) -> None:
        await self._make_refund(found[0].payment_id)

    async def _make_refund(self, payment_id: PaymentId) -> None:
        await refund.make_refund(
            payment_id, provider=self._parts.provider, payments=self._parts.payments
        )

    async def _expire(self, found: BookingView) -> None:
        await booking_expiration.expire(found.booking_id, bookings=self._parts.bookings)

    async def _tell(self, stored: StoredEvent) -> None:
        booking_id = _booking_id(stored)
        booking = await self._parts.bookings.read(StreamId(booking_stream(booking_id)))
        assert booking is not None  # its event is in the log
        await notification.tell_of_booking(
            booking_id, BOOKING_CODEC.decode(stored), booking, notifier=self._parts.notifier
        )

    async def _remind(self, booking_id: BookingId) -> None:
        booking = await self._parts.bookings.read(StreamId(booking_stream(booking_id)))
        assert booking is not None  # the view knows it
        await notification.remind(booking_id, booking, notifier=self._parts.notifier)

    async def _tell_refund(self, stored: StoredEvent) -> None:
        if stored.type != "PaymentRefunded":
            return
        payment_id = _payment_id(stored)
        payment = await self._parts.payments.read(StreamId(payment_stream(payment_id)))
        assert payment is not None  # its event is in the log
        stream = StreamId(booking_stream(payment.booking_id))
        booking = await self._parts.bookings.read(stream)
        await notification.tell_of_refund(
            payment_id, payment, booking, notifier=self._parts.notifier
        )


def _booking_id(stored: StoredEvent) -> BookingId:
    return BookingId(stored.stream.removeprefix("booking-"))


def _payment_id(stored: StoredEvent) -> PaymentId:
    return PaymentId(stored.stream.removeprefix("payment-"))
