"""Consumers with a fault that the comparison must find: `python -m benchmarks.compare.broken`.

An at-least-once consumer that commits its checkpoint before the effect loses the events that it
was handling when it was killed.
"""

import asyncio
from collections.abc import Sequence

from entrypoints.consumers import run_consumers
from eventstore.api import StoredEvent
from eventstore.delivery import Deliverer, Handler, Held

PAUSE = 0.5  # seconds between checkpoint and effect, so that kills hit there


async def _checkpoint_first(
    self: Deliverer[object], handle: Handler, held: Held, events: Sequence[StoredEvent]
) -> None:
    await self._advance(held, events[-1].position)
    await asyncio.sleep(PAUSE)
    for event in events:
        await handle(event)


if __name__ == "__main__":
    Deliverer._deliver_at_least_once = _checkpoint_first  # type: ignore[assignment,method-assign]  # the fault
    asyncio.run(run_consumers())
