"""A projection is made anew from the log, in one transaction.

Readers see the old rows until it commits. The projection's members wait for their slices
meanwhile, are fenced, and continue with what was appended since.
"""

from collections.abc import Awaitable, Callable

from eventstore.api import CheckpointStore, Claim, EventStore, Tx
from eventstore.consumer import BATCH_MAX, Subscription
from eventstore.delivery import ExactlyOnceEffect


async def rebuild(
    projection: Subscription[Tx],
    clear: Callable[[Tx], Awaitable[None]],
    *,
    store: EventStore,
    checkpoints: CheckpointStore[Tx],
) -> int:
    """Empty the tables with `clear`, fold the log again, and return the number of events.

    Raises:
        TypeError: the effect is not in the checkpoint's database, so it cannot be taken back.
        Exception: the handler's, about an event it cannot fold; then nothing has changed.
    """
    name, generation, delivery = projection.name, projection.generation, projection.delivery
    if not isinstance(delivery, ExactlyOnceEffect):
        raise TypeError(f"{name} is no projection")
    await checkpoints.register(name, generation, projection.category)
    async with checkpoints.transaction() as tx:
        claims = await checkpoints.reset(tx, name, generation)
        await clear(tx)
        return sum([await _fold(tx, claim, delivery, store, checkpoints) for claim in claims])


async def _fold(
    tx: Tx,
    claim: Claim,
    how: ExactlyOnceEffect[Tx],
    store: EventStore,
    checkpoints: CheckpointStore[Tx],
) -> int:
    last = claim.position
    while batch := await store.read_slices({claim.slice: last}, limit=BATCH_MAX):
        for event in batch:
            await how.handle(tx, event)
        last = batch[-1].position
    await checkpoints.advance(tx, claim, last)
    return last - claim.position  # positions are dense
