"""What the chapters of the demo work with. Whatever they tell is looked up, and checked."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from entrypoints.demo.narrator import console, count_down, say, show
from entrypoints.devstack.children import Home
from entrypoints.devstack.stack import Ports, Stack, stack
from entrypoints.errors import InvariantsBroken, NotAsTold
from entrypoints.processes import booking_process
from entrypoints.settings import Settings
from entrypoints.wiring import BoxOffice, box_office
from ticketing.booking.commands import PlaceBooking
from ticketing.booking.events import BookingStatus
from ticketing.booking.state import Booking
from ticketing.ids import BookingId, ClientId, ConcertId, PaymentId, booking_stream
from ticketing.money import Money
from ticketing.payment_provider.api import CaptureRequest, ProviderPayment
from ticketing.process import BookingProcess, PaymentOutcome, PlaceAnswer
from ticketing.reconciliation import verify_all
from ticketing.seats import Seat

PATIENCE = timedelta(seconds=90)  # a busy machine; then the story fails
LOOK_EVERY = timedelta(milliseconds=100)


class Story:
    """The stack that the chapters work with, and their ways to tell of it."""

    def __init__(self, running: Stack, parts: BoxOffice) -> None:
        self.stack = running
        self.parts = parts
        self.process = booking_process(running.settings, parts, running.client)

    async def place(self, request: PlaceBooking, *, becomes: BookingStatus) -> PlaceAnswer:
        say(f"{request.client_id} books {_listed(request.seats)} of {request.concert_id} ...")
        return self.told(await self.process.place(request), becomes=becomes)

    def told(self, decision: PlaceAnswer, *, becomes: BookingStatus) -> PlaceAnswer:
        check(f"the status of {decision.booking_id}", decision.status, becomes)
        say(f"-> [bold]{decision.booking_id} is {becomes}[/bold]: {_details(decision)}")
        return decision

    async def pay(
        self, payment_id: str, request: PlaceBooking, total: Money | None
    ) -> PaymentOutcome:
        assert total is not None
        say(f"{request.client_id} pays {total} ...")
        return await pay(self.process, self.parts, payment_id, request, total)

    async def expires(self, request: PlaceBooking, decision: PlaceAnswer, words: str) -> None:
        """Count down to the deadline of a booking that nobody pays."""
        assert decision.expires_at is not None
        await count_down(words, decision.expires_at, self.until(request, "expired"))
        await self.ended(request, becomes="expired")

    async def ended(self, request: PlaceBooking, *, becomes: BookingStatus) -> None:
        await self.until(request, becomes)
        say(f"-> [bold]{request.booking_id} is {becomes}[/bold]")

    async def until(self, request: PlaceBooking, status: BookingStatus) -> None:
        """Wait until the process has brought the booking there."""

        async def actual() -> BookingStatus:
            return (await self.booking(request)).status

        await come_true(f"the status of {request.booking_id}", actual, status)

    async def seats_are(self, request: PlaceBooking, holder: PlaceBooking | None) -> None:
        """Look at the seat map until the seats of the request have this holder."""

        async def holders() -> set[BookingId | None]:
            seats = await self.parts.reservations.seats(request.concert_id)
            return {seat.booking_id for seat in seats if seat.seat in request.seats}

        what = f"the holder of {_listed(request.seats)}"
        await come_true(what, holders, {holder and holder.booking_id})

    async def log_is(self, request: PlaceBooking, *events: str) -> None:
        """Look at the log: what was recorded of the booking."""
        stored = await self.parts.store.read_stream(booking_stream(request.booking_id))
        check(f"the log of {request.booking_id}", tuple(event.type for event in stored), events)
        say(f"The log says: {', '.join(events)}")

    async def booking(self, request: PlaceBooking) -> Booking:
        """Return the booking as it is now."""
        stream = booking_stream(request.booking_id)
        booking = await self.parts.bookings.read(stream)
        assert booking is not None  # it was placed
        return booking


def request_of(booking_id: str, who: str, concert: ConcertId, *seats: str) -> PlaceBooking:
    return PlaceBooking(
        booking_id=BookingId(booking_id),
        client_id=ClientId(who),
        concert_id=concert,
        seats=tuple(map(Seat.parse, seats)),
    )


async def pay(
    process: BookingProcess, parts: BoxOffice, payment_id: str, request: PlaceBooking, amount: Money
) -> PaymentOutcome:
    """Pay as a client does: first the provider, then the process is told."""
    captured = await parts.provider.capture(
        CaptureRequest(
            payment_id=PaymentId(payment_id),
            booking_id=request.booking_id,
            payer=request.client_id,
            amount=amount,
        )
    )
    assert isinstance(captured, ProviderPayment), captured
    return await process.pay(captured.report())


@asynccontextmanager
async def stage(home: Home, settings: Settings) -> AsyncIterator[tuple[Stack, BoxOffice]]:
    """Run a stack of its own for a story, and say how long the story took."""
    begun = asyncio.get_running_loop().time()
    show(f"Starting a stack of its own, {settings.process}:")
    async with (
        stack(home, settings, Ports(), show) as running,
        box_office(running.settings) as parts,
    ):
        yield running, parts
        show("\nStopping the stack ...")
    show(f"Done in {asyncio.get_running_loop().time() - begun:.0f} seconds.")


def check(what: str, actual: object, told: object) -> None:
    """End the story if it is not true.

    Raises:
        NotAsTold: it is not.
    """
    if actual != told:
        raise NotAsTold(f"{what} is {actual}, not {told}")


async def come_true(what: str, look: Callable[[], Awaitable[object]], told: object) -> None:
    """Look until it is true: what is told may take a moment.

    Raises:
        NotAsTold: it never came true.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE.total_seconds()
    while True:
        actual = await look()
        if actual == told or loop.time() > deadline:
            return check(what, actual, told)
        await asyncio.sleep(LOOK_EVERY.total_seconds())


async def verify(parts: BoxOffice) -> None:
    """Check the invariants over the whole database.

    Raises:
        InvariantsBroken: they do not.
    """
    findings = await verify_all(parts.verification, parts.provider)
    if findings:
        raise InvariantsBroken(findings)
    console.print("\n[bold green]verify: clean[/bold green]")
    say(
        "Each seat has one holder at most, no ended booking holds seats, and every payment is "
        "accounted for."
    )


def _details(decision: PlaceAnswer) -> str:
    match decision:
        case PlaceAnswer(status="confirmed", expires_at=datetime()):
            return f"{decision.total}, to be paid by {decision.expires_at:%H:%M:%S} UTC"
        case PlaceAnswer(status="settled"):
            return "free of charge, nothing to pay"
        case _:
            return f"{decision.reason or decision.total}"


def _listed(seats: tuple[Seat, ...]) -> str:
    return f"seat{'s' if len(seats) > 1 else ''} {' and '.join(map(str, seats))}"
