"""A box office in memory: what the steps of the choreography are given, and may die in."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from choreography.booking_confirmation import confirm_or_deny
from choreography.booking_expiration import expire
from choreography.booking_payment import use_payment
from choreography.seat_release import release_seats
from choreography.services import Services
from eventstore.memory import MemoryDoorbell, MemoryEventStore
from tests.support.builders import concert
from tests.support.controls import (
    BOOKING_ID,
    EXPIRED,
    MOONLIGHT,
    NOW,
    PAYMENT_ID,
    PLACE,
    PLACED,
    PRICE,
    TOTAL,
)
from ticketing import command_handler
from ticketing.booking.commands import BookingCommand
from ticketing.booking.events import BookingPlaced
from ticketing.booking.state import Booking
from ticketing.ids import BookingId, PaymentId, booking_stream, command_id, payment_stream
from ticketing.money import Money
from ticketing.notifications.api import Notification
from ticketing.notifications.memory import MemoryNotifier
from ticketing.payment.state import Payment
from ticketing.payment_provider.api import CaptureRequest, ProviderPayment
from ticketing.payment_provider.memory import MemoryProvider
from ticketing.policies import LatePayment, ProcessTerms
from ticketing.receipts import Receipts
from ticketing.reservations.memory import MemoryReservations

HOLD = timedelta(minutes=30)
CONFIRMATION_TIMEOUT = timedelta(minutes=10)
BENS = BookingId("ben-1")
AT_ONCE = timedelta(0)
BOOKING_STREAM = booking_stream(BOOKING_ID)
PAYMENT_STREAM = payment_stream(PAYMENT_ID)
ON_SALE = concert(MOONLIGHT, PRICE, HOLD, rows=4, seats=20)

T = TypeVar("T")


class Death(Exception):
    """The process is gone."""


async def die() -> None:
    raise Death


async def live_on() -> None:
    pass


Happening = Callable[[], Awaitable[None]]


class Life:
    """What happens at one call of a service, just before or just after its effect."""

    def __init__(self) -> None:
        self._calls_before = -1
        self._before: Happening = live_on
        self._after: Happening = live_on

    def at(self, call: int, *, before: Happening = live_on, after: Happening = live_on) -> None:
        """The call with this number from now on, counted from 0."""
        self._calls_before, self._before, self._after = call, before, after

    def has_passed(self) -> bool:
        return self._calls_before < 0

    def counts(self, service: object, *methods: str) -> None:
        for method in methods:
            setattr(service, method, partial(self._call, getattr(service, method)))

    async def _call(
        self, effect: Callable[..., Awaitable[object]], *args: object, **named: object
    ) -> object:
        self._calls_before -= 1
        if self._calls_before != -1:
            return await effect(*args, **named)
        await self._before()
        answer = await effect(*args, **named)
        await self._after()
        return answer


class MemoryReturns(set[PaymentId]):
    """The payments whose money was returned, as the provider has told us."""

    async def has_return(self, payment_id: PaymentId) -> bool:
        return payment_id in self


@dataclass(slots=True)
class Office:
    """The services, and the steps of the business that lead to where a test begins."""

    bookings: command_handler.BookingHandler
    payments: command_handler.PaymentHandler
    reservations: MemoryReservations
    provider: MemoryProvider
    notices: MemoryReturns
    life: Life
    store: MemoryEventStore
    now: datetime = NOW
    told: list[Notification] = field(default_factory=list)
    notifier: MemoryNotifier = field(init=False)

    def __post_init__(self) -> None:
        async def send(notification: Notification) -> None:
            self.told.append(notification)

        self.notifier = MemoryNotifier(send)

    def services(self, late_payment: LatePayment = "reinstate") -> Services:
        return Services(
            bookings=self.bookings,
            payments=self.payments,
            reservations=self.reservations,
            provider=self.provider,
            receipts=Receipts(self.payments, self.provider, self.notices),
            notifier=self.notifier,
            terms=ProcessTerms(
                confirmation_timeout=CONFIRMATION_TIMEOUT,
                reminder_before=AT_ONCE,
                expiry_grace=AT_ONCE,
                late_payment=late_payment,
            ),
        )

    async def place(self, booking_id: BookingId = BOOKING_ID) -> BookingPlaced:
        await self.ask(PLACE.model_copy(update={"booking_id": booking_id}))
        return PLACED

    async def ask(self, command: BookingCommand) -> None:
        step = command_id("somebody else", command.model_dump_json())
        await self.bookings.execute(command, command_id=step, metadata={})

    async def confirm(self, placed: BookingPlaced, booking_id: BookingId = BOOKING_ID) -> None:
        await confirm_or_deny(booking_id, placed, self.services())

    async def confirmed(self, booking_id: BookingId = BOOKING_ID) -> None:
        await self.confirm(await self.place(booking_id), booking_id)

    async def expired(self) -> None:
        """A booking that nobody paid in time, its seats free again."""
        await self.confirmed()
        self.now += HOLD
        await expire(BOOKING_ID, self.services())
        await release_seats(BOOKING_ID, EXPIRED, self.services())

    async def receive(self, amount: Money = TOTAL) -> None:
        request = CaptureRequest(
            payment_id=PAYMENT_ID, booking_id=BOOKING_ID, payer="Ada", amount=amount
        )
        captured = await self.provider.capture(request)
        assert isinstance(captured, ProviderPayment)
        step = command_id("provider", PAYMENT_ID)
        await self.payments.execute(captured.report(), command_id=step, metadata={})

    async def use(
        self, *, waited: timedelta = AT_ONCE, late_payment: LatePayment = "reinstate"
    ) -> None:
        await use_payment(PAYMENT_ID, waited, self.services(late_payment))

    async def booking(self) -> Booking:
        booking = await self.bookings.read(BOOKING_STREAM)
        assert booking is not None
        return booking

    async def payment(self) -> Payment:
        payment = await self.payments.read(PAYMENT_STREAM)
        assert payment is not None
        return payment

    async def holders(self) -> set[BookingId]:
        seats = await self.reservations.seats(MOONLIGHT)
        return {seat.booking_id for seat in seats if seat.booking_id is not None}

    async def everything(self) -> object:
        streams = [await self.store.read_stream(of) for of in (BOOKING_STREAM, PAYMENT_STREAM)]
        events = [[(event.type, event.data) for event in stream] for stream in streams]
        return events, await self.holders(), await self.provider.ledger()


async def open_office() -> Office:
    def clock() -> datetime:
        return office.now

    life, bell = Life(), MemoryDoorbell()
    store, reservations, provider = (
        MemoryEventStore(clock),
        MemoryReservations(clock),
        MemoryProvider(clock),
    )
    life.counts(store, "append")
    life.counts(reservations, "reserve", "release")
    life.counts(provider, "refund")
    office = Office(
        command_handler.booking_handler(store, bell),
        command_handler.payment_handler(store, bell),
        reservations,
        provider,
        MemoryReturns(),
        life,
        store,
    )
    await reservations.add_concert(ON_SALE)
    return office
