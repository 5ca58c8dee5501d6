"""Reading one's own writes: the views follow the log, a moment later."""

import asyncio
import sys
from datetime import timedelta

from entrypoints.cli.answers import counted
from entrypoints.terminal import say
from entrypoints.wiring import BoxOffice
from eventstore.slices import Category
from ticketing.views.api import BOOKING_PROJECTION, PAYMENT_PROJECTION

PATIENCE = timedelta(seconds=2)  # they are milliseconds behind, or nobody projects
LOOK_AGAIN_SECONDS = 0.05
PROJECTIONS = {BOOKING_PROJECTION: Category("booking"), PAYMENT_PROJECTION: Category("payment")}


async def views_caught_up(parts: BoxOffice) -> None:
    """Wait until the views show everything that is in the log by now, or say that they do not."""
    heads = {name: await parts.store.heads(of) for name, of in PROJECTIONS.items()}
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE.total_seconds()
    while True:
        seen = {
            (checkpoint.consumer, checkpoint.slice): checkpoint.position
            for checkpoint in await parts.checkpoints.lag()
        }
        behind = sum(
            max(0, head - seen.get((name, slice), 0))
            for name, slices in heads.items()
            for slice, head in slices.items()
        )
        if not behind:
            return
        if loop.time() > deadline:
            late = counted(behind, "event")
            say(f"The view is {late} behind the log: are the consumers running?", to=sys.stderr)
            return
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
