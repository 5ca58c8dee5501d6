"""Scenarios that measure a running side. The same seed gives both sides the same work."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from temporalio.client import WorkflowHandle

from benchmarks.compare import measure
from benchmarks.compare.measure import spread
from benchmarks.compare.sides import Side
from benchmarks.compare.work import (
    A_LONG_HOLD,
    SEATS_MAX,
    Customer,
    customers,
    payment_of,
    put_on_sale,
    serve,
)
from ticketing.ids import booking_stream, command_id, payment_stream

Figures = dict[str, Any]

VIEWS_AND_MAIL_FOLLOW = 1.0  # seconds
AT_REST = 3.0  # seconds until consumers look once a second and every connection is open
WITHIN = 120.0  # seconds without any progress until a scenario gives up
LEAVE = 0.25  # the share of customers who never pay
A_SHORT_HOLD = timedelta(seconds=4)
SERVED_AT_ONCE = 32
MARGIN, MARGIN_SECONDS = 1.4, 3.0  # between the last expected confirmation and the deadline
HOLD_EVERY = 0.02  # seconds between two settings of the hold: deadlines are that close
# $1 concert, $2 deadline in seconds of the epoch
FALL_DUE_AT = """
UPDATE reservations.concert  -- compare:
   SET hold = greatest(to_timestamp($2) - es.now(), interval '1 second')
 WHERE concert_id = $1
"""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many bookings each scenario has, and how many seconds it takes."""

    idle: float = 35
    costed: int = 20
    steady: int = 100
    steady_every: float = 0.2
    burst: int = 150
    rush: int = 200
    concerts: int = 100
    due: int = 2000
    warm_up: int = 100  # bookings that show how fast the others will be confirmed
    trickle: int = 80
    trickle_every: float = 0.25
    interrupted: int = 60  # bookings under way when all coordinating processes are killed
    down: float = 30
    faults: int = 150
    kills: int = 10
    patience: int = 3  # times 25 s: for so long a client repeats its request


FULL = Sizes()
QUICK = Sizes(
    idle=3,
    costed=4,
    steady=14,
    burst=20,
    rush=20,
    concerts=20,
    due=30,
    warm_up=15,
    trickle=24,
    interrupted=20,
    down=3,
    faults=24,
    kills=2,
)
BROKEN = replace(QUICK, faults=100, kills=6, patience=1)


async def idle(side: Side, sizes: Sizes) -> Figures:
    """Count what is sent in a minute while there is nothing to do."""
    per_minute = 60 / sizes.idle
    await asyncio.sleep(AT_REST)
    sent = await measure.statements(side)
    polls = await _polls(side)
    await asyncio.sleep(sizes.idle)
    sent = await measure.statements(side) - sent
    return {
        "statements_per_minute": round(sent.total() * per_minute),
        "temporal_polls_per_minute": round((await _polls(side) - polls) * per_minute),
    }


async def cost(side: Side, sizes: Sizes, seed: int) -> Figures:
    """Measure what bookings cost that are placed, paid and settled one after another."""
    await _warm_up(side, sizes, seed)
    await put_on_sale(side, "cost", sizes.costed * SEATS_MAX, A_LONG_HOLD)
    crowd = customers("cost", seed, sizes.costed, every=0, concerts=["cost"])
    actions = await _actions(side)
    sent = await measure.statements(side)
    rows, size = await measure.rows_and_bytes(side)
    wal = await measure.number(side, measure.WAL)
    for number, customer in enumerate(crowd, start=1):
        await serve(side, [customer])
        await until_bookings(side, "cost", number, "BookingSettled")
    await asyncio.sleep(VIEWS_AND_MAIL_FOLLOW)
    sent = await measure.statements(side) - sent
    rows_after, size_after = await measure.rows_and_bytes(side)
    count = len(crowd)
    caused = (calls for purpose, calls in sent.items() if purpose not in measure.LOOKS)
    return {
        "statements": round(sum(caused) / count, 1),
        "by_purpose": {name: round(calls / count, 1) for name, calls in sorted(sent.items())},
        "rows": round((rows_after - rows) / count, 1),
        "bytes": round((size_after - size) / count),
        "wal_bytes": round((await measure.number(side, measure.WAL) - wal) / count),
        "actions": round((await _actions(side) - actions) / count, 1),
        **await _histories(side, crowd),
    }


async def _warm_up(side: Side, sizes: Sizes, seed: int) -> None:
    """Settle some bookings at once: afterwards every pool has connections that know all types."""
    await put_on_sale(side, "ready", sizes.warm_up * SEATS_MAX, A_LONG_HOLD)
    crowd = customers("ready", seed, sizes.warm_up, every=0, concerts=["ready"])
    await serve(side, crowd)
    await until_bookings(side, "ready", len(crowd), "BookingSettled")
    await asyncio.sleep(VIEWS_AND_MAIL_FOLLOW)


async def steady_and_burst(side: Side, sizes: Sizes, seed: int, tag: str = "") -> Figures:
    """Measure latencies when customers come one by one, and when all come at once."""
    figures: Figures = {}
    plans = {"steady": (sizes.steady, sizes.steady_every), "burst": (sizes.burst, 0.0)}
    for name, (count, every) in plans.items():
        concerts = [f"{tag}{name}-unpaid", f"{tag}{name}-paid"]
        for concert, hold in zip(concerts, (A_SHORT_HOLD, A_LONG_HOLD), strict=True):
            await put_on_sale(side, concert, count * SEATS_MAX, hold)
        crowd = customers(name, seed, count, every=every, concerts=concerts, leave=LEAVE, tag=tag)
        figures[name] = await _latencies(side, crowd, f"{tag}{name}")
    return figures


async def seats_freed(side: Side, latency: Figures, tag: str = "") -> None:
    """Add to these figures how late the unpaid seats came free.

    This is called after other work, because the slower poll takes half a minute.
    """
    for name, figures in latency.items():
        await _until_free(side, f"{tag}{name}", figures["unpaid"])
        late = await measure.seconds(side, measure.DEADLINE_TO_FREE, f"{tag}{name}")
        figures["deadline_to_free"] = spread(late)


async def _latencies(side: Side, crowd: Sequence[Customer], prefix: str) -> Figures:
    served = await serve(side, crowd)
    paid = sum(customer.plan == "pays" for customer in crowd)
    await until_bookings(side, prefix, paid, "BookingSettled")
    settled = await measure.seconds(side, measure.PAYMENT_TO_SETTLED, prefix)
    return {
        "unpaid": len(crowd) - paid,
        "trouble": served.trouble,
        "place_to_decision": spread(served.waits),
        "payment_to_settled": spread(settled),
    }


async def rush(side: Side, sizes: Sizes, seed: int) -> Figures:
    """Measure how many bookings are settled in a second, on one concert and on many."""
    rates: Figures = {}
    for name, halls in (("one_concert", 1), ("many_concerts", sizes.concerts)):
        concerts = [f"{name}-{number}" for number in range(halls)]
        for concert in concerts:
            await put_on_sale(side, concert, -(-sizes.rush // halls) * SEATS_MAX, A_LONG_HOLD)
        crowd = customers(name, seed, sizes.rush, every=0, concerts=concerts)
        begun = await measure.clock(side)
        await serve(side, crowd, at_once=SERVED_AT_ONCE)
        await until_bookings(side, name, len(crowd), "BookingSettled")
        settled = await measure.seconds(side, measure.RECORDED_AT, name, ["BookingSettled"])
        rates[name] = round(len(crowd) / (max(settled) - begun), 1)
    return rates


async def due_at_once(side: Side, sizes: Sizes, seed: int, tag: str = "") -> Figures:
    """Measure how late the seats come free when all deadlines fall into the same second.

    The bookings are appended to the log, and their hold is set so that all end at one instant.
    """
    name = f"{tag}due"
    rate = await _rate_of_confirmations(side, f"{tag}warm", sizes.warm_up, seed)
    await put_on_sale(side, name, sizes.due * SEATS_MAX, A_LONG_HOLD)
    due_at = await measure.clock(side) + MARGIN * sizes.due / rate + MARGIN_SECONDS
    holding = asyncio.create_task(_hold_until(side, name, due_at))
    try:
        await _confirm_through_log(
            side, customers("due", seed, sizes.due, every=0, concerts=[name], tag=tag)
        )
        confirmed_before = due_at - await measure.clock(side)
    finally:
        holding.cancel()
    freed = await _until_free(side, name, sizes.due, due_at=due_at)
    late = await measure.seconds(side, measure.DEADLINE_TO_FREE, name)
    return {
        "bookings": sizes.due,
        "freed": freed,
        "deadlines_within_seconds": round(await measure.number(side, measure.DEADLINES, name), 2),
        "last_confirmed_seconds_before": round(confirmed_before, 1),
        "lateness": spread(late),
        "curve": measure.curve(late),
    }


async def _rate_of_confirmations(side: Side, name: str, count: int, seed: int) -> float:
    """Return how many bookings a second are confirmed: the deadline must be after the last one."""
    await put_on_sale(side, name, count * SEATS_MAX, A_LONG_HOLD)
    begun = await measure.clock(side)
    await _confirm_through_log(side, customers(name, seed, count, every=0, concerts=[name]))
    return count / (await measure.clock(side) - begun)


async def _confirm_through_log(side: Side, crowd: Sequence[Customer]) -> None:
    gate = asyncio.Semaphore(SERVED_AT_ONCE)

    async def one(customer: Customer) -> None:
        async with gate:
            await append(side, customer)

    async with asyncio.TaskGroup() as group:
        for customer in crowd:
            group.create_task(one(customer))
    name = crowd[0].request.concert_id
    await until_bookings(side, name, len(crowd), "BookingConfirmed")


async def _hold_until(side: Side, concert: str, due_at: float) -> None:
    while True:
        await side.parts.pool.execute(FALL_DUE_AT, concert, due_at)
        await asyncio.sleep(HOLD_EVERY)


async def append(side: Side, customer: Customer) -> None:
    """Place a booking by an append to the log, as another service would."""
    stream = booking_stream(customer.request.booking_id)
    await side.parts.bookings.execute(
        customer.request, command_id=command_id(stream, "place"), metadata={}
    )


async def until_bookings(side: Side, prefix: str, count: int, *events: str) -> None:
    async def happened() -> int:
        return int(await measure.number(side, measure.BOOKINGS_WITH, prefix, events))

    if (found := await measure.until_as_many(happened, count, WITHIN)) < count:
        raise TimeoutError(f"{side.twin}: {found} of {count} {prefix} bookings with {events}")


async def _until_free(side: Side, prefix: str, count: int, due_at: float = 0.0) -> int:
    """Wait until so many bookings gave their seats back; return how many did."""

    async def freed() -> int:
        return len(await measure.seconds(side, measure.DEADLINE_TO_FREE, prefix))

    ahead = max(0.0, due_at - await measure.clock(side)) if due_at else 0.0
    return await measure.until_as_many(freed, count, ahead + WITHIN)


async def _actions(side: Side) -> int:
    if side.twin == "choreographed":
        return 0
    return await measure.settled_actions(side)


async def _polls(side: Side) -> int:
    """Return how often Temporal was asked for work so far."""
    return 0 if side.twin == "choreographed" else (await measure.meter(side))["polls"]


async def _histories(side: Side, crowd: Sequence[Customer]) -> Figures:
    """Return the events and bytes in the two histories of a paid booking."""
    if side.twin == "choreographed":
        return {"history_events": 0, "history_bytes": 0}
    events = size = 0
    for customer in crowd:
        booking_id = customer.request.booking_id
        for name in (booking_stream(booking_id), payment_stream(payment_of(booking_id))):
            handle: WorkflowHandle[Any, Any] = side.stack.client.get_workflow_handle(name)
            info = (await handle.describe()).raw_description.workflow_execution_info
            events += info.history_length
            size += info.history_size_bytes
    return {
        "history_events": round(events / len(crowd), 1),
        "history_bytes": round(size / len(crowd)),
    }
