"""A consumer handles the events of a slice by one of three promises.

After a failure that passes by itself, it waits. Any other failure is retried with growing pauses;
then the event is poison: it stops its slice, or is put aside with its stream's later events.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import takewhile
from typing import Generic, Literal, TypeVar

import structlog

from eventstore.api import CheckpointStore, Claim, DeadLetter, StoredEvent, Tx
from eventstore.errors import DefectError, Fenced, TransientError
from eventstore.faults import CONNECTION_FAULTS, is_connection_fault
from eventstore.slices import StreamId

T = TypeVar("T")

# A delivery at least once repeats no more than this after a crash, when handlers are slow.
CHECKPOINT_EVERY = timedelta(seconds=1)

# A transaction holds a connection; the rest of the pool is for the rest of the process.
TRANSACTIONS_MAX = 4

# The pauses between attempts at an event that fails for a reason of its own.
RETRY_AFTER = tuple(timedelta(milliseconds=pause) for pause in (100, 300, 1_000, 3_000))

# The pauses while the database, or whatever a handler needs, is away are doubled, without end.
BACK_OFF_FIRST = timedelta(milliseconds=100)
BACK_OFF_LAST = timedelta(seconds=5)

TRANSIENT = (TransientError, *CONNECTION_FAULTS)

OnPoison = Literal["pause", "park"]  # stop the slice, or put the stream's events aside

Handler = Callable[[StoredEvent], Awaitable[None]]

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ExactlyOnceEffect(Generic[Tx]):
    """The effect is written through the transaction that moves the checkpoint."""

    handle: Callable[[Tx, StoredEvent], Awaitable[None]]
    on_poison: OnPoison = "pause"


@dataclass(frozen=True, slots=True)
class AtLeastOnce:
    """The checkpoint moves after the effects; a crash repeats the last of them."""

    handle: Handler
    on_poison: OnPoison = "pause"


@dataclass(frozen=True, slots=True)
class AtMostOnce:
    """The checkpoint moves before each effect; a crash or a failure loses that one."""

    handle: Handler


Delivery = ExactlyOnceEffect[Tx] | AtLeastOnce | AtMostOnce


@dataclass(slots=True)
class Held:
    """A slice that this member owns, as far as it knows; the claim moves with the checkpoint."""

    claim: Claim
    busy: bool = False
    paused: Exception | None = None


class Deliverer(Generic[Tx]):
    """A deliverer handles events and moves checkpoints."""

    def __init__(
        self,
        delivery: Delivery[Tx],
        retry_after: Sequence[timedelta],
        checkpoints: CheckpointStore[Tx],
    ) -> None:
        self._delivery = delivery
        self._retry_after = retry_after
        self._checkpoints = checkpoints
        self._transactions = asyncio.Semaphore(TRANSACTIONS_MAX)
        self.stopping = False  # no event is begun any more

    async def deliver(self, held: Held, events: Sequence[StoredEvent]) -> None:
        """Handle the events after the checkpoint; if they fail together, repeat them one by one.

        Raises:
            Fenced: the slice has another owner.
            Exception: the handler's, about the event after the checkpoint, which is poison.
        """
        events = _after(held.claim, events)
        parked = await self._parked_streams(held.claim)
        if not any(event.stream in parked for event in events):
            try:
                return await self._deliver_together(held, events)
            except Exception as error:
                if _passes_through(error):
                    raise
        for event in _after(held.claim, events):
            if event.stream in parked:
                await self._park(held, event, attempts=0, error="an earlier event is parked")
            elif not await self._deliver_or_park(held, event):
                parked |= {event.stream}
        return None

    async def deliver_again(self, letter: DeadLetter, event: StoredEvent) -> None:
        """Handle a parked event, which stays parked if that fails."""
        match self._delivery:
            case ExactlyOnceEffect(handle):
                async with self._checkpoints.transaction() as tx:
                    if await self._checkpoints.resolve(tx, letter):
                        await handle(tx, event)
            case AtLeastOnce(handle) | AtMostOnce(handle):
                await handle(event)
                async with self._checkpoints.transaction() as tx:
                    await self._checkpoints.resolve(tx, letter)

    async def _deliver_together(self, held: Held, events: Sequence[StoredEvent]) -> None:
        match self._delivery:
            case _ if self.stopping:
                pass
            case ExactlyOnceEffect(handle):
                async with self._transactions, self._checkpoints.transaction() as tx:
                    # First, so that a fenced owner stops before it works and locks anything.
                    claim = await self._checkpoints.advance(tx, held.claim, events[-1].position)
                    for event in events:
                        await handle(tx, event)
                held.claim = claim
            case AtLeastOnce(handle):
                await self._deliver_at_least_once(handle, held, events)
            case AtMostOnce(handle):
                for event in takewhile(lambda _: not self.stopping, events):
                    await self._advance(held, event.position)
                    try:
                        await handle(event)
                    except Exception:
                        _log.exception("event lost", **_about(held, event))
                        _stop_if_cancelled()

    async def _deliver_at_least_once(
        self, handle: Handler, held: Held, events: Sequence[StoredEvent]
    ) -> None:
        time = asyncio.get_running_loop().time
        done, moved_at = held.claim.position, time()
        try:
            for event in takewhile(lambda _: not self.stopping, events):
                await handle(event)
                done = event.position
                if time() - moved_at >= CHECKPOINT_EVERY.total_seconds():
                    await self._advance(held, done)
                    moved_at = time()
        finally:  # neither a failure nor a shutdown repeats what succeeded
            if done > held.claim.position:
                await self._advance(held, done)

    async def _deliver_or_park(self, held: Held, event: StoredEvent) -> bool:
        pauses = iter(self._retry_after)
        attempts = 0
        while True:
            attempts += 1
            try:
                await self._deliver_together(held, [event])
            except Exception as error:
                if _passes_through(error):
                    raise
                _log.error("event failed", **_about(held, event), error=repr(error))
                pause = None if isinstance(error, DefectError) else next(pauses, None)
                if pause is None:
                    if not self._parks:
                        raise
                    await self._park(held, event, attempts=attempts, error=repr(error))
                    return False
                await asyncio.sleep(pause.total_seconds())
            else:
                return True

    async def _advance(self, held: Held, to: int) -> None:
        held.claim = await self._checkpoints.advance(None, held.claim, to)

    async def _park(self, held: Held, event: StoredEvent, *, attempts: int, error: str) -> None:
        async with self._checkpoints.transaction() as tx:
            claim = await self._checkpoints.advance(tx, held.claim, event.position)
            await self._checkpoints.park(tx, claim, event, attempts=attempts, error=error)
        held.claim = claim
        _log.error("event parked", **_about(held, event), attempts=attempts)

    async def _parked_streams(self, claim: Claim) -> frozenset[StreamId]:
        if not self._parks:
            return frozenset()
        # Only the owner parks, so nothing can be missed. A retry may resolve letters meanwhile:
        # then an event is parked that need not be, and waits for the next retry.
        return await self._checkpoints.parked_streams(claim.consumer, claim.generation, claim.slice)

    @property
    def _parks(self) -> bool:
        match self._delivery:
            case AtMostOnce():
                return False
            case ExactlyOnceEffect(on_poison=on_poison) | AtLeastOnce(on_poison=on_poison):
                return on_poison == "park"


async def patiently(action: Callable[[], Awaitable[T]]) -> T:
    """Repeat an action for as long as it fails for a passing reason."""
    pause = BACK_OFF_FIRST
    while True:
        try:
            return await action()
        except Exception as error:
            if not _is_transient(error):
                raise
            _log.warning("consumer waits", error=repr(error), pause_seconds=pause.total_seconds())
        _stop_if_cancelled()
        await asyncio.sleep(pause.total_seconds())
        pause = min(2 * pause, BACK_OFF_LAST)


def _stop_if_cancelled() -> None:
    """Raise the cancellation that a rollback hid, when it failed for lack of a connection."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _after(claim: Claim, events: Sequence[StoredEvent]) -> Sequence[StoredEvent]:
    return [event for event in events if event.position > claim.position]


def _about(held: Held, event: StoredEvent) -> dict[str, str | int]:
    return {
        "consumer": held.claim.consumer,
        "slice": event.slice,
        "position": event.position,
        "stream": event.stream,
        "event_type": event.type,
    }


def _passes_through(error: Exception) -> bool:
    """Return whether the event is not to blame."""
    return isinstance(error, Fenced) or _is_transient(error)


def _is_transient(error: Exception) -> bool:
    return isinstance(error, TransientError) or is_connection_fault(error)
