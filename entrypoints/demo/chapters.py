"""The story that `make demo` tells: real bookings on a stack of its own."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from entrypoints.demo.narrator import count_down, head, say, show
from entrypoints.demo.story import PATIENCE, Story, check, request_of, stage, verify
from entrypoints.devstack.children import Home
from entrypoints.devstack.examples import CONCERT, FREE, QUICK, put_on_sale
from entrypoints.devstack.stack import Program
from entrypoints.settings import Settings
from eventstore.consumer import HEARTBEAT_EVERY
from workflows.activity_options import RESERVATION

CRASHING = Program(("-m", "entrypoints.demo.crashing"))
POLL_SECONDS = 1  # of the choreography: nobody wants to watch the default


async def _settled(story: Story) -> None:
    request = request_of("ann-1", "Ann", CONCERT, "3-14", "3-15")
    decision = await story.place(request, becomes="confirmed")
    paid = await story.pay("pay-ann-1", request, decision.total)
    check("the payment", paid.status, "applied")
    await story.ended(request, becomes="settled")
    await story.log_is(
        request, "BookingPlaced", "BookingConfirmed", "BookingPaid", "BookingSettled"
    )


async def _denied(story: Story) -> None:
    request = request_of("bob-1", "Bob", CONCERT, "3-15", "3-16")
    decision = await story.place(request, becomes="denied")
    check("the reason", decision.reason, "seats_unavailable: 3-15")
    await story.seats_are(request_of("bob-1", "Bob", CONCERT, "3-16"), None)
    say("Seat 3-15 is Ann's. Seat 3-16 stays free: a booking gets all or nothing.")


async def _expired(story: Story) -> None:
    request = request_of("cleo-1", "Cleo", QUICK, "1-1", "1-2")
    decision = await story.place(request, becomes="confirmed")
    await story.seats_are(request, request)
    await story.expires(request, decision, "The seats are held, Cleo does not pay:")
    await story.seats_are(request, None)
    say("Seats 1-1 and 1-2 are free again.")


async def _late(story: Story) -> None:
    request = request_of("cleo-1", "Cleo", QUICK, "1-1", "1-2")  # of the chapter before
    booking = await story.booking(request)
    paid = await story.pay("pay-cleo-1", request, booking.total)
    check("the payment", (paid.status, paid.reinstated), ("applied", True))
    check("the booking", (await story.booking(request)).status, "settled")
    await story.seats_are(request, request)
    say("-> [bold]cleo-1 is settled[/bold]: nobody had taken the seats, so they are Cleo's again")
    await story.log_is(
        request,
        *("BookingPlaced", "BookingConfirmed", "BookingExpired", "BookingReinstated"),
        *("BookingPaid", "BookingSettled"),
    )


async def _too_late(story: Story) -> None:
    request = request_of("gus-1", "Gus", QUICK, "2-1")
    decision = await story.place(request, becomes="confirmed")
    await story.expires(request, decision, "Gus does not pay either:")
    faster = request_of("hal-1", "Hal", QUICK, "2-1")
    bought = await story.place(faster, becomes="confirmed")
    await story.pay("pay-hal-1", faster, bought.total)
    await story.ended(faster, becomes="settled")
    refunded = await story.pay("pay-gus-1", request, decision.total)
    check("the payment", (refunded.status, refunded.refund_reason), ("refunded", "booking_expired"))
    await story.seats_are(request, faster)
    say("-> [bold]Gus gets his money back[/bold], once: seat 2-1 is Hal's")


async def _cancelled(story: Story) -> None:
    request = request_of("dan-1", "Dan", CONCERT, "7-1")
    await story.place(request, becomes="confirmed")
    say("Dan caught a cold and cancels ...")
    answer = await story.process.cancel(request.booking_id, "caught a cold")
    check("the answer", answer.status, "cancelled")
    await story.ended(request, becomes="cancelled")
    await story.seats_are(request, None)
    say("Seat 7-1 is free again.")


async def _free(story: Story) -> None:
    request = request_of("eve-1", "Eve", FREE, "1-1")
    await story.place(request, becomes="settled")
    await story.log_is(request, "BookingPlaced", "BookingConfirmed", "BookingSettled")


async def _killed(story: Story) -> None:
    request = request_of("finn-1", "Finn", CONCERT, "9-9")
    running, told = story.stack, TOLD[story.stack.settings.process]
    say(f"The {told.who} is replaced by one that kills itself as soon as seats are held.")
    await running.stop(told.program)
    async with running.run("crashing", CRASHING) as doomed:
        say("Finn books seat 9-9 of concertA ...")
        placing = asyncio.create_task(story.process.place(request))
        async with asyncio.timeout(PATIENCE.total_seconds()):
            check(f"the end of the {told.who}", await doomed.wait(), -signal.SIGKILL)
    say(f"-> [bold]the {told.who}, process {doomed.pid}, died of SIGKILL[/bold]")
    await story.seats_are(request, request)
    say("The seat map says: 9-9 is held by finn-1")
    await story.log_is(request, "BookingPlaced")
    await running.start(told.program)
    say("A new one starts; it gets the step when the dead one's time is up, if not before.")
    decision = await count_down("Seconds left:", datetime.now(UTC) + told.taken_over, placing)
    story.told(decision, becomes="confirmed")
    await story.log_is(request, "BookingPlaced", "BookingConfirmed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The words of the story that depend on the process that runs."""

    conducted: str
    in_time: str
    program: str  # what coordinates, and is killed
    who: str
    taken_over: timedelta  # how long a killed one's work stays its own
    look: str


TOLD = {
    "orchestrated": Told(
        conducted="a Temporal workflow conducts them.",
        in_time="The deadline is a durable timer: it also fires after every process died.",
        program="worker",
        who="worker",
        taken_over=RESERVATION["start_to_close_timeout"],
        look="In the Web UI, booking-finn-1 shows reserve_seats at its second attempt.",
    ),
    "choreographed": Told(
        conducted="consumers of the log react to each, and nobody conducts.",
        in_time=f"A view is asked who is overdue, here every {POLL_SECONDS} s: no timer to lose.",
        program="consumers",
        who="process of consumers",
        taken_over=5 * HEARTBEAT_EVERY,
        look="`box-office lag` shows how far each consumer is.",
    ),
}


CHAPTERS: dict[Callable[[Story], Awaitable[None]], tuple[str, str]] = {
    # Title and reason may name a field of `Told`.
    _settled: (
        "A booking is paid and settled",
        "Each step is one event in Postgres; {told.conducted}",
    ),
    _denied: (
        "A booking is denied, because a seat is taken",
        "A primary key keeps a seat to one booking, however many ask at once.",
    ),
    _expired: (
        "A booking that nobody pays expires, and its seats are free again",
        "{told.in_time}",
    ),
    _late: (
        "Money that comes late gets the seats back, if they are still free",
        "The payment is a process of its own; the booking's history says what is possible.",
    ),
    _too_late: (
        "Money that comes too late goes back",
        "Every payment ends as tickets or as a refund, exactly once.",
    ),
    _cancelled: (
        "A client cancels",
        "A cancel and the money may race: the order of the booking's log decides.",
    ),
    _free: (
        "A booking that is free of charge is settled at once",
        "That nothing is to pay is the booking's rule, not a branch of the process.",
    ),
    _killed: (
        "A {told.who} is killed with SIGKILL between reserve and confirm",
        "Every step is safe to repeat: nothing is lost, nothing happens twice.",
    ),
}


async def tell(home: Home, settings: Settings, *, keep: bool) -> None:
    """Tell the whole story of the process that the settings name, on a stack in a fresh home.

    Raises:
        NotAsTold: something else happened than the story tells.
        InvariantsBroken: the verification has findings.
    """
    patience = {"client_patience_seconds": PATIENCE.total_seconds()}
    settings = settings.model_copy(update={"expiration_poll_seconds": POLL_SECONDS, **patience})
    async with stage(home, settings) as (running, parts):
        if settings.process == "orchestrated":
            show(f"Every booking is a workflow to look at in the Web UI: {running.ui_url}")
        await put_on_sale(parts)
        told, story = TOLD[settings.process], Story(running, parts)
        for number, (chapter, (title, why)) in enumerate(CHAPTERS.items(), start=1):
            head(f"{number}. {title.format(told=told)}")
            say(f"[dim]{why.format(told=told)}[/dim]")
            await chapter(story)
        await verify(parts)
        if keep:
            show("\nThe stack stays up.")
            show(running.how_to_use("history finn-1", "list --concert concertA"))
            show(f"{told.look}\nCtrl-C stops everything and removes its data.")
            await running.watch()
