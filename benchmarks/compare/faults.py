"""All faults at once: a provider that fails by plan, kills, clients who change their minds.

Afterwards every booking and every payment must have ended, no seat may be sold twice or kept, and
the provider's ledger must agree with the log.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any, Literal, TypeVar

from aiohttp import ClientSession
from temporalio.api.enums.v1 import EventType

from benchmarks.compare import measure
from benchmarks.compare.scenarios import Figures, Sizes
from benchmarks.compare.sides import Side
from benchmarks.compare.work import (
    A_LONG_HOLD,
    ASK_AGAIN,
    SEATS_MAX,
    TROUBLE,
    capture,
    place,
    put_on_sale,
    seats_from,
)
from ticketing.booking.commands import PlaceBooking
from ticketing.ids import BookingId
from ticketing.reconciliation import verify_all

SHORT, LONG = "faults-short", "faults-long"
SHORT_HOLD = timedelta(seconds=4)
EVERY = 0.15  # seconds between two customers
KILL_EVERY = 2.5
ANSWER_WITHIN = 25.0  # seconds until a client asks again
QUIET_WITHIN = 30.0  # seconds after the last client has finished
LOOK_EVERY = 1.0  # seconds; every check reads the whole log
EXPIRED_WITHIN = 90.0

T = TypeVar("T")
Kind = Literal["pays", "leaves", "cancels", "pays late", "pays wrongly", "pays twice", "competes"]
UNPAID = ("leaves", "pays late", "pays wrongly")  # these reach their deadline unpaid
KINDS: dict[Kind, int] = {
    "pays": 10,
    "leaves": 3,
    "cancels": 2,
    "pays late": 2,
    "pays wrongly": 1,
    "pays twice": 1,
    "competes": 2,
}

PROVIDER_FAULTS = (
    ("capture", "timeout_after_effect"),
    ("capture", "timeout_before_effect"),
    ("refund", "timeout_after_effect"),
    ("refund", "timeout_before_effect"),
    ("refund", "refuse"),
    ("notice", "duplicate"),
    ("notice", "late"),
    ("notice", "reorder"),
)

COLLISION = 'duplicate key value violates unique constraint "event_'
TROUBLE_IN_LOGS = (
    "consumer waits",
    "event failed",
    "event parked",
    "slice lost",
    "not handled in this sweep",
    "refund not made yet",
    "event lost",
)
STATUS = "SELECT status FROM verification.booking WHERE booking_id = $1  -- compare:"
PARKED = "SELECT count(*) FROM es.dead_letter WHERE resolved_at IS NULL  -- compare:"


@dataclass(slots=True)
class Noticed:
    """What the clients noticed. They repeat a request for `patience` times `ANSWER_WITHIN`."""

    patience: int
    repeated_requests: int = 0
    repeated_captures: int = 0
    given_up: list[str] = field(default_factory=list)


async def faults(side: Side, sizes: Sizes, seed: int) -> Figures:
    """Check the invariants after all faults, and count what the sides did to keep them."""
    random = Random(f"{seed} faults")  # noqa: S311  # repeatable, not secret
    seats = sizes.faults * SEATS_MAX
    await put_on_sale(side, SHORT, seats, SHORT_HOLD)
    await put_on_sale(side, LONG, seats, A_LONG_HOLD)
    planned = await _plan(side, random, sizes.faults // 3)
    claims, noticed = await measure.number(side, measure.CLAIMS), Noticed(sizes.patience)
    killing = asyncio.create_task(_kill(side, sizes.kills))
    await _customers(side, random, sizes.faults, noticed)
    await killing
    quiet_seconds = await _until_quiet(side)
    findings = await _findings(side) + noticed.given_up
    return {
        "bookings": sizes.faults,
        "kills": sizes.kills,
        "provider_faults": planned - await _left(side),
        "repeated_requests": noticed.repeated_requests,
        "repeated_captures": noticed.repeated_captures,
        "slices_taken_over": await measure.number(side, measure.CLAIMS) - claims,
        "in_logs": _in_logs(side),
        "temporal": await _repeated_by_temporal(side),
        "seconds_until_quiet": quiet_seconds,
        "violations": findings,
    }


async def _customers(side: Side, random: Random, count: int, noticed: Noticed) -> None:
    taken = {SHORT: 0, LONG: 0}
    kinds = random.choices(list(KINDS), weights=list(KINDS.values()), k=count)
    async with asyncio.TaskGroup() as group:
        for number, kind in enumerate(kinds):
            wanted = random.randint(1, SEATS_MAX)
            concert = SHORT if kind in UNPAID else LONG
            first = max(0, taken[concert] - wanted) if kind == "competes" else taken[concert]
            taken[concert] = max(taken[concert], first + wanted)
            request = place(f"faults-{number}", concert, seats_from(first, wanted))
            group.create_task(_customer(side, kind, request, noticed))
            await asyncio.sleep(EVERY)


async def _customer(side: Side, kind: Kind, request: PlaceBooking, noticed: Noticed) -> None:
    booking_id = request.booking_id
    what = f"{booking_id}: no decision"
    decision = await _insist(lambda: side.process.place(request), noticed, what)
    if decision is None or decision.status != "confirmed":
        return
    if kind == "cancels":
        what = f"{booking_id}: could not be cancelled"
        await _insist(lambda: side.process.cancel(booking_id, "changed my mind"), noticed, what)
        return
    if kind == "leaves":
        return
    if kind == "pays late" and not await measure.until(
        lambda: _expired(side, booking_id), EXPIRED_WITHIN
    ):
        noticed.given_up.append(f"{booking_id}: not expired within {EXPIRED_WITHIN:.0f} s")
    more = 100 if kind == "pays wrongly" else 0
    noticed.repeated_captures += await capture(side, booking_id, decision, more=more)
    if kind == "pays twice":
        noticed.repeated_captures += await capture(side, booking_id, decision, tag="2")


async def _insist(ask: Callable[[], Awaitable[T]], noticed: Noticed, what: str) -> T | None:
    """Repeat a request as a client does; record a complaint when its patience ends."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + noticed.patience * ANSWER_WITHIN
    while True:
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                return await ask()
        except TROUBLE as trouble:
            if loop.time() > deadline:
                noticed.given_up.append(f"{what}: {trouble!r}"[:240])
                return None
            noticed.repeated_requests += 1
        await asyncio.sleep(ASK_AGAIN)


async def _expired(side: Side, booking_id: BookingId) -> bool:
    status: str | None = await side.parts.pool.fetchval(STATUS, booking_id)
    return status == "expired"


async def _kill(side: Side, times: int) -> None:
    """Kill one coordinating program after the other and start it again."""
    for number in range(times):
        await asyncio.sleep(KILL_EVERY)
        name = side.coordinators[number % len(side.coordinators)]
        await side.kill(name)
        await side.start(name)


async def _until_quiet(side: Side) -> float:
    """Wait until nothing is under way any more; return how many seconds that took."""
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def quiet() -> bool:
        return not (await _unended(side) or await _broken_promises(side))

    await measure.until(quiet, QUIET_WITHIN, LOOK_EVERY)
    return round(loop.time() - began, 1)


async def _findings(side: Side) -> list[str]:
    """Return what the comparison's own checks and those of `box-office verify` find."""
    parked: int = await side.parts.pool.fetchval(PARKED)
    collisions = side.log("postgres").count(COLLISION)
    return [
        *await _broken_promises(side),
        *(f"{booking_id}: has not ended" for booking_id in await _unended(side)),
        *([f"{parked} events are parked"] if parked else []),
        *([f"{collisions} appends collided in the log"] if collisions else []),
    ]


async def _unended(side: Side) -> list[BookingId]:
    """Return the open bookings of these customers; some of other scenarios stay unpaid."""
    unended = await side.parts.verification.unended_bookings()
    return [booking_id for booking_id in unended if booking_id.startswith("faults-")]


async def _broken_promises(side: Side) -> list[str]:
    return list(map(str, await verify_all(side.parts.verification, side.parts.provider)))


def _in_logs(side: Side) -> dict[str, int]:
    text = "".join(map(side.log, side.coordinators))
    return {line: count for line in TROUBLE_IN_LOGS if (count := text.count(f'"{line}"'))}


async def _repeated_by_temporal(side: Side) -> dict[str, int]:
    """Count repeated activities, and workflow tasks that were lost or failed, in all histories."""
    if side.twin == "choreographed":
        return {}
    counts: Counter[str] = Counter()
    client = side.stack.client
    for prefix in ("booking-faults", "payment-pay"):
        async for found in client.list_workflows(f"WorkflowId STARTS_WITH '{prefix}'"):
            _count(counts, (await client.get_workflow_handle(found.id).fetch_history()).events)
    return dict(counts)


def _count(counts: Counter[str], events: Sequence[Any]) -> None:
    for event in events:
        match event.event_type:
            case EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
                counts["workflow tasks timed out"] += 1
            case EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                counts["workflow tasks failed"] += 1
            case EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
                again = event.activity_task_started_event_attributes.attempt - 1
                counts["activities repeated"] += again
            case _:
                pass


async def _plan(side: Side, random: Random, count: int) -> int:
    plan = []
    for _ in range(count):
        operation, fault = random.choice(PROVIDER_FAULTS)
        seconds = 1.0 if fault == "late" else 0.0
        plan.append({"operation": operation, "fault": fault, "seconds": seconds})
    async with ClientSession() as session, session.put(_faults_url(side), json=plan) as answer:
        answer.raise_for_status()
    return count


async def _left(side: Side) -> int:
    async with ClientSession() as session, session.get(_faults_url(side)) as answer:
        return sum(fault["times"] or 0 for fault in await answer.json())


def _faults_url(side: Side) -> str:
    return f"{str(side.stack.settings.provider_url).rstrip('/')}/v1/faults"
