"""What a client notices when those who coordinate are killed, or are away for a while."""

import asyncio
from collections.abc import Sequence

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
    """SIGKILL to all of our coordinating processes at once; new ones are started right away.

    It comes in the middle of a burst, when the first of many has its answer: the others are the
    interrupted bookings. More customers come after it, one by one.
    """
    burst = await _trickle(side, "interrupted", sizes.interrupted, 0, seed)
    crowd = await _trickle(side, "later", sizes.trickle, sizes.trickle_every, seed)
    bursting = Served()
    interrupted = asyncio.create_task(serve(side, burst, bursting))
    await bursting.first.wait()
    await side.kill(*side.coordinators)
    killed_at = asyncio.get_running_loop().time()
    await side.start(*side.coordinators)
    later = await serve(side, crowd)
    await interrupted
    under_way = [each for each in bursting.answers if each.decided_at > killed_at]
    return {
        "killed": list(side.coordinators),
        "bookings": len(crowd) + len(burst),
        "trouble": [*bursting.trouble, *later.trouble],
        "interrupted": spread([each.decided_at - killed_at for each in under_way]),
        "later": spread(later.waits),
    }


async def away(side: Side, sizes: Sizes, seed: int, what: str) -> Figures:
    """The coordinator is down: `temporal` is its server, `ours` are our processes.

    Clients place at their front door all the time, and as many bookings come in through the log.
    """
    name = f"without-{what}"
    count = max(4, int(sizes.down * 2))
    front = await _trickle(side, name, count, sizes.down / count, seed)
    log = await _trickle(side, f"log-{name}", count, 0, seed)
    down = ("temporal",) if what == "temporal" else side.coordinators
    await side.stop(*down)
    stopped_at = await measure.clock(side)
    serving = asyncio.create_task(serve(side, front))
    accepted = await _append_all(side, log)
    await asyncio.sleep(max(0.0, stopped_at + sizes.down - await measure.clock(side)))
    back_at = await measure.clock(side)
    await _bring_back(side, down)
    served = await serving
    kept = await measure.bookings_with(side, name, "BookingPlaced")
    await until_bookings(side, f"log-{name}", accepted, *DECIDED)
    after = await measure.seconds(side, measure.DECIDED_AT, f"log-{name}")
    asked_again = await _ask_again(side, front, served)
    return {
        "down": list(down),
        "seconds": round(back_at - stopped_at, 1),
        "front_door": {
            "placed": count,
            "answered": len(served.statuses) - asked_again,
            "errors": len(served.trouble),
            "kept": kept,
            "lost": count - len(served.statuses),
            "wait": spread(served.waits),
        },
        "log_door": {
            "placed": count,
            "accepted": accepted,
            "lost": accepted - len(after),
            "decided_after_return": spread([max(0.0, each - back_at) for each in after]),
        },
    }


async def _trickle(side: Side, name: str, count: int, every: float, seed: int) -> list[Customer]:
    await put_on_sale(side, name, count * SEATS_MAX, A_LONG_HOLD)
    return customers(name, seed, count, every=every, concerts=[name])


async def _append_all(side: Side, crowd: Sequence[Customer]) -> int:
    for customer in crowd:
        await append(side, customer)
    return len(crowd)


async def _bring_back(side: Side, down: Sequence[str]) -> None:
    if "temporal" in down:
        await side.start_temporal()
    else:
        await side.start(*down)


async def _ask_again(side: Side, front: Sequence[Customer], served: Served) -> int:
    """Who got an error sends the same request again; how many then got their answer."""
    refused = [each for each in front if each.request.booking_id not in served.statuses]
    again = await serve(side, [Customer(0, each.request, "leaves") for each in refused])
    served.statuses |= again.statuses
    return len(again.statuses)
