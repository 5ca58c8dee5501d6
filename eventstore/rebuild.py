"""A projection made anew from the log, in one transaction.

Readers see the old rows until it commits. The projection's members wait for their slices
meanwhile, are fenced, and go on with what was appended since.
"""

from collections.abc import Awaitable, Callable

from eventstore.api import CheckpointStore, Claim, EventStore, Tx
from eventstore.consumer import BATCH_MAX, Subscription
from eventstore.delivery import ExactlyOnceEffect


async def rebuild(
    of: Subscription[Tx],
    clear: Callable[[Tx], Awaitable[None]],
    *,
    store: EventStore,
    checkpoints: CheckpointStore[Tx],
) -> int:
    """Empty a projection's tables with `clear` and fold the log again; the number of events.

    Raises:
        TypeError: the effect is not in the checkpoint's database, so it cannot be taken back.
        Exception: the handler's, about an event it cannot fold; then nothing has changed.
    """
    if not isinstance(of.delivery, ExactlyOnceEffect):
        raise TypeError(f"{of.name} is no projection")
    await checkpoints.register(of.name, of.generation, of.category)
    async with checkpoints.transaction() as tx:
        claims = await checkpoints.reset(tx, of.name, of.generation)
        await clear(tx)
        return sum([await _fold(tx, each, of.delivery, store, checkpoints) for each in claims])


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
