"""A box office in memory: what the steps of the choreography are given, and may die in."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from choreography.booking_confirmation import confirm_or_deny
from choreography.booking_expiration import expire
from choreography.booking_payment import use_payment
from choreography.reactions import subscriptions
from choreography.seat_release import release_seats
from choreography.services import Services
from eventstore.api import (
    AppendResult,
    CommandRef,
    Expected,
    Metadata,
    NewEvent,
    StoredEvent,
)
from eventstore.consumer import Subscription
from eventstore.delivery import ExactlyOnceEffect
from eventstore.memory import MemoryDoorbell, MemoryEventStore
from eventstore.slices import StreamId, slice_of
from tests.support.controls import (
    ADA,
    BOOKING_ID,
    FREE,
    MOONLIGHT,
    NOW,
    PAYMENT_ID,
    PRICE,
    SEATS,
    TOTAL,
)
from ticketing.booking.commands import BookingCommand, PlaceBooking
from ticketing.booking.events import BookingEvent, BookingExpired, BookingPlaced
from ticketing.booking.state import Booking
from ticketing.command_handler import (
    BOOKING_CODEC,
    Accepted,
    BookingHandler,
    PaymentHandler,
    booking_handler,
    payment_handler,
)
from ticketing.ids import (
    BookingId,
    ClientId,
    ConcertId,
    PaymentId,
    booking_stream,
    command_id,
    payment_stream,
)
from ticketing.money import Money
from ticketing.notifications.api import Notification
from ticketing.notifications.memory import MemoryNotifier
from ticketing.payment.state import Payment
from ticketing.payment_provider.api import CaptureRequest, ProviderPayment
from ticketing.payment_provider.memory import MemoryProvider
from ticketing.policies import LatePayment, ProcessTerms
from ticketing.reservations.api import (
    Concert,
    NothingToRelease,
    PriceZone,
    Refusal,
    Released,
    Reserved,
)
from ticketing.reservations.memory import MemoryReservations
from ticketing.seats import Seat

HOLD = timedelta(minutes=30)
CONFIRMATION_TIMEOUT = timedelta(minutes=10)
GRATIS, OPEN_END = ConcertId("gratis"), ConcertId("openEnd")
BEN = ClientId("ben")
BENS = BookingId("ben-1")
AT_ONCE = timedelta(0)

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

    async def call(self, effect: Callable[[], Awaitable[T]]) -> T:
        self._calls_before -= 1
        if self._calls_before != -1:
            return await effect()
        await self._before()
        answer = await effect()
        await self._after()
        return answer


class MortalStore(MemoryEventStore):
    def __init__(self, clock: Callable[[], datetime], life: Life) -> None:
        super().__init__(clock)
        self._life = life

    async def append(
        self,
        stream: StreamId,
        command: CommandRef,
        events: Sequence[NewEvent],
        *,
        expected: Expected,
        metadata: Metadata,
    ) -> AppendResult:
        append = super().append
        return await self._life.call(
            lambda: append(stream, command, events, expected=expected, metadata=metadata)
        )


class MortalReservations(MemoryReservations):
    def __init__(self, clock: Callable[[], datetime], life: Life) -> None:
        super().__init__(clock)
        self._life = life

    async def reserve(
        self, booking_id: BookingId, attempt: int, concert_id: ConcertId, seats: tuple[Seat, ...]
    ) -> Reserved | Refusal:
        reserve = super().reserve
        return await self._life.call(lambda: reserve(booking_id, attempt, concert_id, seats))

    async def release(self, booking_id: BookingId, attempt: int) -> Released | NothingToRelease:
        release = super().release
        return await self._life.call(lambda: release(booking_id, attempt))


class MortalProvider(MemoryProvider):
    def __init__(self, clock: Callable[[], datetime], life: Life) -> None:
        super().__init__(clock)
        self._life = life

    async def refund(self, payment_id: PaymentId) -> str:
        refund = super().refund
        return await self._life.call(lambda: refund(payment_id))


@dataclass(slots=True)
class Office:
    """The services, and the steps of the business that lead to where a test begins."""

    bookings: BookingHandler
    payments: PaymentHandler
    reservations: MemoryReservations
    provider: MemoryProvider
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
        """What the steps under test are given."""
        return Services(
            bookings=self.bookings,
            payments=self.payments,
            reservations=self.reservations,
            provider=self.provider,
            notifier=self.notifier,
            terms=ProcessTerms(
                confirmation_timeout=CONFIRMATION_TIMEOUT,
                reminder_before=AT_ONCE,
                expiry_grace=AT_ONCE,
                late_payment=late_payment,
            ),
        )

    async def deliver(self, event: BookingEvent, consumer: str) -> None:
        """An event of the booking arrives at one of the consumers, twice."""
        everybody: list[Subscription[None]] = subscriptions(self.services())
        [of] = [found for found in everybody if found.name == consumer]
        assert not isinstance(of.delivery, ExactlyOnceEffect)
        stream, new = StreamId(booking_stream(BOOKING_ID)), BOOKING_CODEC.encode(event)
        stored = StoredEvent(
            stream=stream,
            version=1,
            slice=slice_of(stream),
            position=1,
            type=new.type,
            schema_version=new.schema_version,
            data=new.data,
            metadata={},
            event_id=UUID(int=0),
            command_id=UUID(int=0),
            recorded_at=self.now,
        )
        for _ in ("delivered", "delivered again"):
            await of.delivery.handle(stored)

    async def place(
        self, concert_id: ConcertId = MOONLIGHT, booking_id: BookingId = BOOKING_ID
    ) -> BookingPlaced:
        place = PlaceBooking(
            booking_id=booking_id, client_id=ADA, concert_id=concert_id, seats=SEATS
        )
        await self.ask(place)
        return BookingPlaced(client_id=ADA, concert_id=concert_id, seats=SEATS)

    async def ask(self, command: BookingCommand) -> bool:
        """Somebody else's command; whether it was accepted."""
        step = command_id("somebody else", command.model_dump_json())
        return isinstance(
            await self.bookings.execute(command, command_id=step, metadata={}), Accepted
        )

    async def confirm(self, placed: BookingPlaced, booking_id: BookingId = BOOKING_ID) -> None:
        """The step under test in `test_confirmation`."""
        await confirm_or_deny(booking_id, placed, self.services())

    async def confirmed(
        self, concert_id: ConcertId = MOONLIGHT, booking_id: BookingId = BOOKING_ID
    ) -> None:
        await self.confirm(await self.place(concert_id, booking_id), booking_id)

    async def expired(self, booking_id: BookingId = BOOKING_ID) -> None:
        """A booking that nobody paid in time, its seats free again."""
        await self.confirmed(booking_id=booking_id)
        self.now += HOLD
        await expire(booking_id, self.services())
        await release_seats(booking_id, BookingExpired(), self.services())

    async def receive(
        self,
        payment_id: PaymentId = PAYMENT_ID,
        amount: Money = TOTAL,
        booking_id: BookingId = BOOKING_ID,
    ) -> None:
        """Money that the provider captured arrives."""
        request = CaptureRequest(
            payment_id=payment_id, booking_id=booking_id, payer="Ada", amount=amount
        )
        captured = await self.provider.capture(request)
        assert isinstance(captured, ProviderPayment)
        step = command_id("provider", payment_id)
        await self.payments.execute(captured.received(), command_id=step, metadata={})

    async def use(
        self,
        payment_id: PaymentId = PAYMENT_ID,
        *,
        waited: timedelta = AT_ONCE,
        late_payment: LatePayment = "reinstate",
    ) -> None:
        """The step under test in `test_payment`."""
        await use_payment(payment_id, waited, self.services(late_payment))

    async def booking(self, booking_id: BookingId = BOOKING_ID) -> Booking:
        booking = await self.bookings.read(StreamId(booking_stream(booking_id)))
        assert booking is not None
        return booking

    async def payment(self, payment_id: PaymentId = PAYMENT_ID) -> Payment:
        payment = await self.payments.read(StreamId(payment_stream(payment_id)))
        assert payment is not None
        return payment

    async def holders(self) -> set[BookingId]:
        """Who holds a seat of any concert."""
        concerts = await self.reservations.concerts()
        seats = [each for one in concerts for each in await self.reservations.seats(one.concert_id)]
        return {each.booking_id for each in seats if each.booking_id is not None}

    async def everything(self) -> object:
        """What a crash must not change."""
        streams = (booking_stream(BOOKING_ID), payment_stream(PAYMENT_ID))
        events = [await self.store.read_stream(StreamId(each)) for each in streams]
        ledger = await self.provider.ledger()
        return [[(e.type, e.data) for e in each] for each in events], await self.holders(), ledger


async def open_office() -> Office:
    """An office with its concerts on sale."""
    life = Life()

    def clock() -> datetime:
        return office.now

    store, bell = MortalStore(clock, life), MemoryDoorbell()
    reservations = MortalReservations(clock, life)
    office = Office(
        booking_handler(store, bell),
        payment_handler(store, bell),
        reservations,
        MortalProvider(clock, life),
        life,
        store,
    )
    for concert_id, price, hold in (
        (MOONLIGHT, PRICE, HOLD),
        (GRATIS, FREE, HOLD),
        (OPEN_END, PRICE, None),
    ):
        await reservations.add_concert(_concert(concert_id, price, hold))
    return office


def _concert(concert_id: ConcertId, price: Money, hold: timedelta | None) -> Concert:
    return Concert(
        concert_id=concert_id,
        title=concert_id,
        starts_at=NOW + timedelta(days=30),
        currency="EUR",
        hold=hold,
        zones=(PriceZone(first_row=1, last_row=4, seats_per_row=20, price=price),),
    )
