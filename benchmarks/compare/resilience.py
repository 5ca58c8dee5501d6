"""What clients notice when the coordinating processes are killed, or are down for a while."""

import asyncio

from benchmarks.compare import measure
from benchmarks.compare.measure import spread
from benchmarks.compare.scenarios import Figures, Sizes, append, until_bookings
from benchmarks.compare.sides import Side
from benchmarks.compare.work import (
    A_LONG_HOLD,
    SEATS_MAX,
    Customer,
    Served,
    customers,
    put_on_sale,
    serve,
)

DECIDED = ("BookingConfirmed", "BookingDenied")


async def recovery(side: Side, sizes: Sizes, seed: int) -> Figures:
    """Kill all coordinating processes at once and start new ones right away.

    The kill comes in the middle of a burst, when its first booking is decided: the others are the
    interrupted bookings. More customers come after the kill, one by one.
    """
    burst = await _crowd(side, "interrupted", sizes.interrupted, 0, seed)
    crowd = await _crowd(side, "later", sizes.trickle, sizes.trickle_every, seed)
    bursting = Served()
    interrupted = asyncio.create_task(serve(side, burst, bursting))
    await bursting.first.wait()
    await side.kill(*side.coordinators)
    killed_at = asyncio.get_running_loop().time()
    await side.start(*side.coordinators)
    later = await serve(side, crowd)
    await interrupted
    decided = (answer.decided_at - killed_at for answer in bursting.answers.values())
    return {
        "trouble": [*bursting.trouble, *later.trouble],
        "interrupted": spread([seconds for seconds in decided if seconds > 0]),
        "later": spread(later.waits),
    }


async def away(side: Side, sizes: Sizes, seed: int, *down: str) -> Figures:
    """Stop these programs for a while: Temporal's server, or all coordinating processes.

    Clients place at their front door all the time, and as many bookings are appended to the log.
    """
    name = "without-temporal" if "temporal" in down else "without-ours"
    count = max(4, int(sizes.down * 2))
    front = await _crowd(side, name, count, sizes.down / count, seed)
    log = await _crowd(side, f"log-{name}", count, 0, seed)
    await side.stop(*down)
    stopped_at = await measure.clock(side)
    serving = asyncio.create_task(serve(side, front))
    for customer in log:
        await append(side, customer)
    await asyncio.sleep(max(0.0, stopped_at + sizes.down - await measure.clock(side)))
    back_at = await measure.clock(side)
    await side.start(*down)
    served = await serving
    answered = len(served.answers)
    await until_bookings(side, f"log-{name}", count, *DECIDED)
    after = await measure.seconds(side, measure.RECORDED_AT, f"log-{name}", DECIDED)
    await _ask_again(side, front, served)
    return {
        "front_door": {
            "placed": count,
            "answered": answered,
            "errors": len(served.trouble),
            "lost": count - len(served.answers),
        },
        "log_door": {
            "placed": count,
            "accepted": len(log),
            "lost": len(log) - len(after),
            "decided_after_return": spread([max(0.0, second - back_at) for second in after]),
        },
    }


async def _crowd(side: Side, name: str, count: int, every: float, seed: int) -> list[Customer]:
    await put_on_sale(side, name, count * SEATS_MAX, A_LONG_HOLD)
    return customers(name, seed, count, every=every, concerts=[name])


async def _ask_again(side: Side, front: list[Customer], served: Served) -> None:
    """Repeat the requests that got an error, and add their answers."""
    again = [
        Customer(0, customer.request, "leaves")
        for customer in front
        if customer.request.booking_id not in served.answers
    ]
    served.answers |= (await serve(side, again)).answers
