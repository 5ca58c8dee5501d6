"""Bookings on one side, kills on the other; afterwards everything has to be as if nobody died."""

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from entrypoints.wiring import BoxOffice
from tests.chaos.clients import Clients
from tests.chaos.crew import Busy, Crew
from tests.chaos.plans import Plan, concerts, plans, wrong_ends
from tests.support.waiting import eventually
from ticketing.ids import BookingId

ENDS = "SELECT booking_id, status FROM verification.booking"
LOOK_EVERY = timedelta(milliseconds=250)
PATIENCE = timedelta(seconds=15)  # of a client, who then asks again
START = timedelta(seconds=30)  # of a process, on a machine with too much to do
SEED = "CHAOS_SEED"  # `make chaos SEED=7` draws everything once more, but for the scheduler's part


def a_seed() -> int:
    """The one that is asked for, or a new one: print it."""
    return int(os.environ.get(SEED) or Random().randrange(10**6))


@dataclass(frozen=True, slots=True)
class Attack:
    bookings: int
    kill_every: timedelta
    lasting: timedelta


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is left of an attack, and how long the last steps took after the last kill."""

    plans: Sequence[Plan]
    ends: Counter[str]
    recovered_within: timedelta
    violations: Sequence[str]


async def survive(
    attack: Attack, seed: int, parts: BoxOffice, clients: Clients, crew: Crew, busy: Busy
) -> Outcome:
    """The bookings and the kills, once everybody works; then the last steps have their time."""
    chance = Random(seed)
    for concert in concerts():
        await parts.reservations.add_concert(concert)
    planned = plans(chance, attack.bookings, attack.lasting)
    for name in crew.starts:
        await crew.start(name)

    async def all_work() -> bool:
        return crew.names() <= set(await busy())

    await eventually(all_work, "all work", START, LOOK_EVERY)
    async with asyncio.TaskGroup() as group:
        group.create_task(clients.carry_out(planned))
        await crew.disturb(chance, attack.kill_every, attack.lasting, busy)
    violations = await until_clean(parts, planned)
    recovered = datetime.now(UTC) - crew.kills[-1]
    return Outcome(planned, Counter((await ends(parts)).values()), recovered, violations)


async def ends(parts: BoxOffice) -> dict[BookingId, str]:
    return {row["booking_id"]: row["status"] for row in await parts.pool.fetch(ENDS)}


async def violations(parts: BoxOffice, planned: Sequence[Plan]) -> list[str]:
    ledger = await parts.provider.ledger()
    letters = await parts.checkpoints.dead_letters()
    return [
        *wrong_ends(planned, await ends(parts)),
        *(f"parked: {letter.consumer}, {letter.stream}: {letter.error}" for letter in letters),
        *map(str, await parts.verification.verify_log()),
        *map(str, await parts.verification.verify_business()),
        *map(str, await parts.verification.verify_provider(ledger)),
    ]


async def until_clean(
    parts: BoxOffice, planned: Sequence[Plan], within: timedelta = 4 * PATIENCE
) -> list[str]:
    """What is still wrong when the last steps had their time."""
    found: list[str] = []

    async def clean() -> bool:
        found[:] = await violations(parts, planned)
        return not found

    with suppress(TimeoutError):
        await eventually(clean, "nothing is wrong", within, LOOK_EVERY)
    return found


def report(name: str, seed: int, crew: Crew, outcome: Outcome) -> str:
    """The line to read, with what it can prove: none in n means fewer than 3 in n at 95 %."""
    runs, found = len(outcome.plans), len(outcome.violations)
    rare = f": below {3 / runs:.2%} at 95 %" if not found else ""
    return (
        f"\n{name}, seed {seed}: {runs} bookings ({dict(outcome.ends)}), {len(crew.kills)} kills "
        f"(lives: {dict(crew.lives)}), "
        f"recovered {outcome.recovered_within.total_seconds():.1f} s after the last"
        f"\n{found} violations in {runs} runs{rare}"
    )
