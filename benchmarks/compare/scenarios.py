"""The axes that are measured on a running side: the same seeded work for each."""

import asyncio
from collections import Counter
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
AT_REST = 3.0  # seconds: polls have slowed down to once a second, and connections are made
WITHIN = 120.0  # seconds without any progress until what has to happen is given up
LEAVE = 0.25  # the share of those who never pay
A_SHORT_HOLD = timedelta(seconds=4)
SERVED_AT_ONCE = 32
MARGIN, MARGIN_SECONDS = 1.4, 3.0  # between the last confirmation expected and the deadline
SLICE_OF_HOLD = 0.02  # seconds between two settings of the hold: deadlines are that close
# $1 concert, $2 due at, in seconds of the epoch
FALL_DUE_AT = """
UPDATE reservations.concert  -- compare:
   SET hold = greatest(to_timestamp($2) - es.now(), interval '1 second')
 WHERE concert_id = $1
"""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of each; seconds where not a count."""

    idle: float
    costed: int
    steady: int
    steady_every: float
    burst: int
    rush: int
    concerts: int
    due: int
    warm_up: int  # bookings that tell how fast the others will be confirmed
    trickle: int
    trickle_every: float
    interrupted: int  # bookings under way when all that coordinates is killed
    down: float
    faults: int
    kills: int
    patience: int  # times 25 s: for how long a client asks the same


FULL = Sizes(
    idle=35,
    costed=20,
    steady=100,
    steady_every=0.2,
    burst=150,
    rush=200,
    concerts=100,
    due=2000,
    warm_up=100,
    trickle=80,
    trickle_every=0.25,
    interrupted=60,
    down=30,
    faults=150,
    kills=10,
    patience=3,
)
QUICK = Sizes(
    idle=3,
    costed=4,
    steady=14,
    steady_every=0.2,
    burst=20,
    rush=20,
    concerts=20,
    due=30,
    warm_up=15,
    trickle=24,
    trickle_every=0.25,
    interrupted=20,
    down=3,
    faults=24,
    kills=2,
    patience=3,
)
BROKEN = replace(QUICK, faults=100, kills=6, patience=1)


async def idle(side: Side, sizes: Sizes) -> Figures:
    """What is asked while there is nothing to do, a minute."""
    per_minute = 60 / sizes.idle
    await asyncio.sleep(AT_REST)
    sent = await measure.statements(side)
    polls = await _polls(side)
    await asyncio.sleep(sizes.idle)
    sent = await measure.statements(side) - sent
    return {
        "statements_per_minute": round(sent.total() * per_minute),
        "by_purpose": {name: round(count * per_minute) for name, count in sent.items()},
        "temporal_polls_per_minute": round((await _polls(side) - polls) * per_minute),
    }


async def cost(side: Side, sizes: Sizes, seed: int) -> Figures:
    """What a booking costs that is placed, paid and settled, one after another."""
    await _warm_up(side, sizes, seed)
    await put_on_sale(side, "cost", sizes.costed * SEATS_MAX, A_LONG_HOLD)
    crowd = customers("cost", seed, sizes.costed, every=0, concerts=["cost"])
    actions = await _actions(side)
    sent = await measure.statements(side)
    rows, size = await measure.rows_and_bytes(side)
    wal = await measure.wal_bytes(side)
    for number, customer in enumerate(crowd, start=1):
        await serve(side, [customer])
        await until_bookings(side, "cost", number, "BookingSettled")
    await asyncio.sleep(VIEWS_AND_MAIL_FOLLOW)
    sent = await measure.statements(side) - sent
    rows_after, size_after = await measure.rows_and_bytes(side)
    count = len(crowd)
    return {
        "bookings": count,
        "statements": round(sum(_caused(sent).values()) / count, 1),
        "by_purpose": {name: round(each / count, 1) for name, each in sorted(sent.items())},
        "rows": round((rows_after - rows) / count, 1),
        "bytes": round((size_after - size) / count),
        "wal_bytes": round((await measure.wal_bytes(side) - wal) / count),
        "actions": round((await _actions(side) - actions) / count, 1),
        **await _histories(side, crowd),
    }


async def _warm_up(side: Side, sizes: Sizes, seed: int) -> None:
    """Some bookings at once, so that every pool has its connections, and they know all types."""
    await put_on_sale(side, "ready", sizes.warm_up * SEATS_MAX, A_LONG_HOLD)
    crowd = customers("ready", seed, sizes.warm_up, every=0, concerts=["ready"])
    await serve(side, crowd)
    await until_bookings(side, "ready", len(crowd), "BookingSettled")
    await asyncio.sleep(VIEWS_AND_MAIL_FOLLOW)


def _caused(sent: Counter[str]) -> Counter[str]:
    """Those that would not have been sent without a booking."""
    return Counter({name: count for name, count in sent.items() if name not in measure.LOOKS})


async def steady_and_burst(side: Side, sizes: Sizes, seed: int, tag: str = "") -> Figures:
    """Latencies when customers come one by one, and when all come at once; a quarter never pays."""
    figures: Figures = {}
    plans = {"steady": (sizes.steady, sizes.steady_every), "burst": (sizes.burst, 0.0)}
    for name, (count, every) in plans.items():
        concerts = [f"{tag}{name}-unpaid", f"{tag}{name}-paid"]
        for concert, hold in zip(concerts, (A_SHORT_HOLD, A_LONG_HOLD), strict=True):
            await put_on_sale(side, concert, count * SEATS_MAX, hold)
        crowd = customers(name, seed, count, every=every, concerts=concerts, leave=LEAVE, tag=tag)
        figures[name] = await _latencies(side, crowd, f"{tag}{name}")
    return figures


async def seats_freed(side: Side, latency: Figures, tag: str = "") -> Figures:
    """Adds to these figures how late the seats of those came free who never paid.

    Comes after other work: the slower poll takes half a minute.
    """
    for name, figures in latency.items():
        await _until_free(side, f"{tag}{name}", figures["unpaid"])
        late = await measure.seconds(side, measure.DEADLINE_TO_FREE, f"{tag}{name}")
        figures["deadline_to_free"] = spread(late)
    return latency


async def _latencies(side: Side, crowd: Sequence[Customer], prefix: str) -> Figures:
    served = await serve(side, crowd)
    paid = sum(each.plan == "pays" for each in crowd)
    await until_bookings(side, prefix, paid, "BookingSettled")
    settled = await measure.seconds(side, measure.PAYMENT_TO_SETTLED, prefix)
    return {
        "bookings": len(crowd),
        "unpaid": len(crowd) - paid,
        "trouble": served.trouble,
        "place_to_decision": spread(served.waits),
        "payment_to_settled": spread(settled),
    }


async def rush(side: Side, sizes: Sizes, seed: int) -> Figures:
    """Settled bookings a second, on one concert and on many."""
    rates: Figures = {"bookings": sizes.rush}
    for name, halls in (("one_concert", 1), ("many_concerts", sizes.concerts)):
        concerts = [f"{name}-{number}" for number in range(halls)]
        for concert in concerts:
            await put_on_sale(side, concert, -(-sizes.rush // halls) * SEATS_MAX, A_LONG_HOLD)
        crowd = customers(name, seed, sizes.rush, every=0, concerts=concerts)
        begun = await measure.clock(side)
        await serve(side, crowd, at_once=SERVED_AT_ONCE)
        await until_bookings(side, name, len(crowd), "BookingSettled")
        ended = await measure.number(side, measure.LAST_SETTLED, name)
        rates[name] = round(len(crowd) / (ended - begun), 1)
    rates["concerts"] = sizes.concerts
    return rates


async def due_at_once(side: Side, sizes: Sizes, seed: int, tag: str = "") -> Figures:
    """How late the seats come free when all deadlines fall into the same second.

    The bookings come in through the log, and their hold is set so that all end at one instant.
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
    """A second, on this machine: the deadline has to lie after the last one."""
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
        await asyncio.sleep(SLICE_OF_HOLD)


async def append(side: Side, customer: Customer) -> None:
    """Through the log: what another service would do, and what works without a coordinator."""
    stream = booking_stream(customer.request.booking_id)
    await side.parts.bookings.execute(
        customer.request, command_id=command_id(stream, "place"), metadata={}
    )


async def until_bookings(side: Side, prefix: str, count: int, *events: str) -> None:
    async def happened() -> int:
        return await measure.bookings_with(side, prefix, *events)

    if (found := await measure.until_as_many(happened, count, WITHIN)) < count:
        raise TimeoutError(f"{side.twin}: {found} of {count} {prefix} bookings with {events}")


async def _until_free(side: Side, prefix: str, count: int, due_at: float = 0.0) -> int:
    """Wait until so many bookings gave their seats back."""

    async def freed() -> int:
        return len(await measure.seconds(side, measure.DEADLINE_TO_FREE, prefix))

    ahead = max(0.0, due_at - await measure.clock(side)) if due_at else 0.0
    return await measure.until_as_many(freed, count, ahead + WITHIN)


async def _actions(side: Side) -> float:
    if side.twin == "choreographed":
        return 0.0
    return (await measure.settled_meter(side)).get("actions", 0.0)


async def _polls(side: Side) -> float:
    """How often Temporal was asked for work."""
    if side.twin == "choreographed":
        return 0.0
    counts = await measure.meter(side)
    return sum(value for name, value in counts.items() if name.startswith("service_requests Poll"))


async def _histories(side: Side, crowd: Sequence[Customer]) -> Figures:
    """Events and bytes of the two histories of a booking that is paid."""
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
