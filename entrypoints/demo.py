"""The story that `make demo` tells: real bookings on a stack of its own."""

import asyncio
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter
from rich.console import Console
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from entrypoints.answers import FINDINGS, CommandFailed
from entrypoints.settings import Settings
from entrypoints.system import Stack, stack
from entrypoints.wiring import ROOT, BoxOffice, box_office, verify_all
from eventstore.slices import StreamId
from ticketing.booking.commands import PlaceBooking
from ticketing.ids import BookingId, ClientId, ConcertId, PaymentId, booking_stream
from ticketing.money import Money
from ticketing.payment.commands import ReceivePayment
from ticketing.process import Decision
from ticketing.reservations.api import Concert
from ticketing.seats import Seat
from workflows.client import OrchestratedBookingProcess, booking_process
from workflows.messages import BookingOutcome

EXAMPLES = ROOT / "examples" / "concerts.json"
PATIENCE = timedelta(seconds=60)
HOLD = timedelta(seconds=4)  # short enough to watch
QUICK, FREE, SHOW = ConcertId("quickHold"), ConcertId("freeConcert"), ConcertId("concertA")

console = Console(highlight=False)


class Story:
    """A stack, a client of its processes, and what to say about them."""

    def __init__(self, running: Stack, parts: BoxOffice, client: Client) -> None:
        self.running = running
        self.parts = parts
        self.client = client
        self.process = OrchestratedBookingProcess(
            client, running.settings.task_queue, patience=PATIENCE
        )

    async def place(self, booking_id: str, who: str, concert: ConcertId, *seats: str) -> Decision:
        say(f"  {who} books {', '.join(seats)} of {concert} ...")
        decision = await self.process.place(_request(booking_id, who, concert, seats))
        until = f", to be paid by {decision.expires_at:%H:%M:%S}" if decision.expires_at else ""
        why = f" ({decision.reason})" if decision.reason else ""
        price = f", {decision.total}" if decision.total else ""
        say(f"  -> [bold]{booking_id} is {decision.status}[/bold]{price}{until}{why}")
        return decision

    async def outcome(self, booking_id: str) -> BookingOutcome:
        return await booking_process(self.client, BookingId(booking_id)).result()

    async def holder(self, concert: ConcertId, seat: str) -> str:
        held = await self.parts.reservations.seats(concert)
        by = next(each.booking_id for each in held if str(each.seat) == seat)
        return f"seat {seat} is {f'held by {by}' if by else 'free again'}"


async def tell(*, keep: bool) -> None:
    """Tell the whole story.

    Raises:
        CommandFailed: the invariants do not hold at the end.
    """
    with tempfile.TemporaryDirectory(prefix="box-office-", ignore_cleanup_errors=True) as directory:
        say("Starting Postgres, Temporal, a worker and the consumers ...")
        async with stack(Path(directory), Settings()) as running:
            say(f"Web UI: [bold]{running.ui_url}[/bold]\n")
            client = await Client.connect(
                running.temporal_address, data_converter=pydantic_data_converter
            )
            async with box_office(running.settings) as parts:
                await put_on_sale(running.settings, EXAMPLES)
                await _add_demo_concerts(parts)
                await _chapters(Story(running, parts, client))
                await _check(parts)
            if keep:
                say(f"\nThe stack stays up: {running.ui_url}. Ctrl-C stops it.")
                await running.wait_for_the_end_of_a_part()
    await asyncio.sleep(0.5)  # the SDK's threads go idle before Python exits (sdk-python#300)


def concerts_in(file: Path) -> tuple[Concert, ...]:
    """Read the concerts of a JSON file.

    Raises:
        OSError: the file cannot be read.
        ValidationError: it holds something else.
    """
    return TypeAdapter(tuple[Concert, ...]).validate_json(file.read_bytes())


async def put_on_sale(settings: Settings, file: Path) -> None:
    """Add the concerts of a JSON file."""
    async with box_office(settings) as parts:
        for concert in concerts_in(file):
            await parts.reservations.add_concert(concert)


def say(text: str) -> None:
    """One line of the story, at once."""
    console.print(text)


async def _chapters(story: Story) -> None:
    chapters = (
        ("A booking is paid and settled", _settled),
        ("A seat that is taken is denied, by name", _denied),
        ("A booking that nobody pays expires, and its seats come free", _expired),
        ("A client cancels", _cancelled),
        ("A free booking is settled at once", _free),
        ("A worker is killed in the middle of it, and nothing is lost", _killed),
    )
    for number, (title, chapter) in enumerate(chapters, start=1):
        say(f"[bold cyan]{number}. {title}[/bold cyan]")
        await chapter(story)
        say("")


async def _settled(story: Story) -> None:
    decision = await story.place("ann-1", "Ann", SHOW, "3-14", "3-15")
    assert decision.total is not None
    say(f"  Ann pays {decision.total} ...")
    await story.process.pay(_payment("pay-ann-1", "ann-1", "Ann", decision.total))
    say(f"  -> [bold]ann-1 is {(await story.outcome('ann-1')).status}[/bold]")


async def _denied(story: Story) -> None:
    await story.place("bob-1", "Bob", SHOW, "3-15", "3-16")
    say(f"  Bob holds nothing: {await story.holder(SHOW, '3-16')}")


async def _expired(story: Story) -> None:
    await story.place("cleo-1", "Cleo", QUICK, "1-1")
    say(f"  Cleo does not pay; {await story.holder(QUICK, '1-1')}; waiting for the timer ...")
    ended = await story.outcome("cleo-1")
    say(f"  -> [bold]cleo-1 is {ended.status}[/bold]; {await story.holder(QUICK, '1-1')}")


async def _cancelled(story: Story) -> None:
    await story.place("dan-1", "Dan", SHOW, "7-1")
    answer = await story.process.cancel(BookingId("dan-1"), "caught a cold")
    say(f"  -> [bold]dan-1 is {answer.status}[/bold]; {await story.holder(SHOW, '7-1')}")


async def _free(story: Story) -> None:
    await story.place("eve-1", "Eve", FREE, "1-1")


async def _killed(story: Story) -> None:
    placing = asyncio.create_task(story.place("finn-1", "Finn", SHOW, "9-9"))
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while not (await story.holder(SHOW, "9-9")).endswith("finn-1"):
            pass  # each look is a query
    await story.running.worker.kill()
    events = await story.parts.store.read_stream(StreamId(booking_stream(BookingId("finn-1"))))
    say(f"  kill -9 of the worker; the log holds {', '.join(each.type for each in events)}")
    await story.running.restart_worker()
    say("  a new worker starts; Temporal hands it the step that nobody finished (up to 10 s) ...")
    await placing


async def _check(parts: BoxOffice) -> None:
    findings = await verify_all(parts)
    if findings:
        raise CommandFailed(FINDINGS, "Findings", "\n".join(map(str, findings)), {})
    say("[bold green]verify: clean.[/bold green] Every seat has one holder at most, every ended")
    say("booking gave its seats back, every payment is accounted for.")


async def _add_demo_concerts(parts: BoxOffice) -> None:
    start = datetime(2030, 6, 1, 20, tzinfo=UTC)
    for concert_id, hold, minor in ((QUICK, HOLD, 500), (FREE, timedelta(hours=6), 0)):
        price = Money(amount_minor=minor, currency="EUR")
        zones = [{"first_row": 1, "last_row": 5, "seats_per_row": 10, "price": price}]
        await parts.reservations.add_concert(
            Concert.model_validate(
                {
                    "concert_id": concert_id,
                    "title": concert_id,
                    "starts_at": start,
                    "currency": "EUR",
                    "hold": hold,
                    "zones": zones,
                }
            )
        )


def _request(booking_id: str, who: str, concert: ConcertId, seats: tuple[str, ...]) -> PlaceBooking:
    return PlaceBooking(
        booking_id=BookingId(booking_id),
        client_id=ClientId(who),
        concert_id=concert,
        seats=tuple(map(Seat.parse, seats)),
    )


def _payment(payment_id: str, booking_id: str, who: str, amount: Money) -> ReceivePayment:
    return ReceivePayment(
        payment_id=PaymentId(payment_id),
        booking_id=BookingId(booking_id),
        payer=who,
        amount=amount,
        provider="sandbox",
        provider_ref=f"sandbox-{payment_id}",
        captured_at=datetime.now(UTC),
    )
