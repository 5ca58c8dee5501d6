"""Seeded work: who books what and when, and what each client does after the decision."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Literal, NamedTuple

import asyncpg
from temporalio.service import RPCError

from benchmarks.compare.sides import Side
from eventstore.errors import TransientError
from eventstore.faults import CONNECTION_FAULTS
from ticketing.booking.commands import PlaceBooking
from ticketing.ids import BookingId, ClientId, ConcertId, PaymentId
from ticketing.money import Money
from ticketing.payment_provider.api import CaptureRequest
from ticketing.process import PlaceAnswer
from ticketing.reservations.api import Concert, PriceZone
from ticketing.seats import Seat

PRICE = Money(amount_minor=500, currency="EUR")
A_LONG_HOLD = timedelta(hours=6)
SEATS_PER_ROW = 50
SEATS_MAX = 4  # a customer books no more
ASK_AGAIN = 0.5  # seconds
TROUBLE = (TransientError, RPCError, asyncpg.PostgresError, *CONNECTION_FAULTS)

Plan = Literal["pays", "leaves"]


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer who comes `at` seconds after the start, and pays or lets the deadline pass."""

    at: float
    request: PlaceBooking
    plan: Plan


class Answer(NamedTuple):
    """When a customer asked and when the answer came, in seconds of the event loop's clock."""

    asked_at: float
    decided_at: float


@dataclass(slots=True)
class Served:
    """What the clients saw. `first` is set when the first answer has come."""

    answers: dict[str, Answer] = field(default_factory=dict)  # by booking id
    first: asyncio.Event = field(default_factory=asyncio.Event)
    trouble: list[str] = field(default_factory=list)

    @property
    def waits(self) -> list[float]:
        return [answer.decided_at - answer.asked_at for answer in self.answers.values()]


async def put_on_sale(side: Side, concert_id: str, seats: int, hold: timedelta) -> None:
    """Put a concert with at least so many seats on sale."""
    zone = PriceZone(
        first_row=1,
        last_row=-(-seats // SEATS_PER_ROW),
        seats_per_row=SEATS_PER_ROW,
        price=PRICE,
    )
    await side.parts.reservations.add_concert(
        Concert(
            concert_id=ConcertId(concert_id),
            title=concert_id,
            starts_at=datetime(2040, 1, 1, 20, tzinfo=UTC),
            currency=PRICE.currency,
            hold=hold,
            zones=(zone,),
        )
    )


def customers(
    name: str,
    seed: int,
    count: int,
    *,
    every: float,
    concerts: Sequence[str],
    leave: float = 0.0,
    tag: str = "",
) -> list[Customer]:
    """Return customers who book different seats, at one concert after the other.

    `leave` is the share of customers who do not pay. They book at the first concert, the others at
    the remaining ones; if there is only one concert, all book there. `tag` distinguishes their
    bookings from those of the same customers in another round.
    """
    random = Random(f"{seed} {name}")  # noqa: S311  # repeatable, not secret
    taken = dict.fromkeys(concerts, 0)
    chosen: list[Customer] = []
    for number in range(count):
        plan: Plan = "leaves" if random.random() < leave else "pays"
        others = concerts[1:] if leave and len(concerts) > 1 else concerts
        concert = concerts[0] if plan == "leaves" else others[number % len(others)]
        wanted = random.randint(1, SEATS_MAX)
        seats = seats_from(taken[concert], wanted)
        taken[concert] += wanted
        chosen.append(
            Customer(number * every, place(f"{tag}{name}-{number}", concert, seats), plan)
        )
    return chosen


def place(booking_id: str, concert_id: str, seats: tuple[Seat, ...]) -> PlaceBooking:
    return PlaceBooking(
        booking_id=BookingId(booking_id),
        client_id=ClientId("client"),
        concert_id=ConcertId(concert_id),
        seats=seats,
    )


async def serve(
    side: Side, crowd: Sequence[Customer], served: Served | None = None, *, at_once: int = 1000
) -> Served:
    """Serve the customers when they come, at most `at_once` of them at a time.

    Their answers are added to `served` as they come.
    """
    served, gate = served or Served(), asyncio.Semaphore(at_once)
    started = asyncio.get_running_loop().time()

    async def one(customer: Customer) -> None:
        booking_id, loop = customer.request.booking_id, asyncio.get_running_loop()
        await asyncio.sleep(started + customer.at - loop.time())
        async with gate:
            asked = loop.time()
            try:
                decision = await side.process.place(customer.request)
            except TROUBLE as error:
                served.trouble.append(f"{booking_id}: {error!r}")
                return
            served.answers[booking_id] = Answer(asked, loop.time())
            served.first.set()
            if customer.plan == "pays" and decision.status == "confirmed":
                await capture(side, booking_id, decision)

    async with asyncio.TaskGroup() as group:
        for customer in crowd:
            group.create_task(one(customer))
    return served


async def capture(
    side: Side, booking_id: str, decision: PlaceAnswer, *, tag: str = "", more: int = 0
) -> int:
    """Let the provider take the money; return how often the request had to be repeated."""
    assert decision.total is not None
    amount = Money(
        amount_minor=decision.total.amount_minor + more, currency=decision.total.currency
    )
    request = CaptureRequest(
        payment_id=payment_of(booking_id, tag),
        booking_id=BookingId(booking_id),
        payer="client",
        amount=amount,
    )
    again = 0
    while True:
        try:
            await side.parts.provider.capture(request)
        except TransientError:
            again += 1
            await asyncio.sleep(ASK_AGAIN)
        else:
            return again


def payment_of(booking_id: str, tag: str = "") -> PaymentId:
    return PaymentId(f"pay{tag}-{booking_id}")


def seats_from(first: int, count: int) -> tuple[Seat, ...]:
    """Return so many seats of the plan, row by row."""
    return tuple(map(_seat, range(first, first + count)))


def _seat(index: int) -> Seat:
    return Seat(row=index // SEATS_PER_ROW + 1, number=index % SEATS_PER_ROW + 1)
