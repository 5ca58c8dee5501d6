"""Three processes share the work; whichever of them die, every booking ends as it should."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import pytest
from pydantic import HttpUrl

from entrypoints.settings import Settings
from entrypoints.wiring import BoxOffice
from eventstore.consumer import HEARTBEAT_EVERY, POLL_LAST
from eventstore.postgres.checkpoints import ALIVE_FOR
from tests.chaos.arena import START, Attack, report, survive
from tests.chaos.conftest import Troupe
from tests.chaos.ownership import NOTE_REPEATS, Move, claims, moves, owners, quarrels, repeats
from tests.chaos.plans import CALM, concerts
from tests.support.builders import place
from tests.support.provider import Provider
from tests.support.waiting import eventually

SMALL = Attack(60, kill_every=timedelta(seconds=1), lasting=timedelta(seconds=4))
BIG = Attack(500, kill_every=timedelta(seconds=2), lasting=timedelta(seconds=60))
# Whoever is left sees at a heartbeat that somebody is gone, and claims when it looks for events.
HAND_OVER = HEARTBEAT_EVERY + POLL_LAST
TAKE_OVER = ALIVE_FOR + HAND_OVER
BUSY = timedelta(seconds=3)  # what a machine with too much to do may add
CONSUMERS, SLICES = 8, 64
HANDLED = """
SELECT bool_and(c.position = coalesce(e.head, 0))
  FROM es.checkpoint c
  LEFT JOIN (SELECT slice, max(position) AS head FROM es.event GROUP BY slice) AS e USING (slice)
"""

# $1 since when
ALL_BEAT = "SELECT min(seen_at) > $1 FROM es.member"


@pytest.fixture
def settings(settings: Settings, provider: Provider) -> Settings:
    return settings.model_copy(update={"provider_url": HttpUrl(provider.url)})


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "attack", [SMALL, pytest.param(BIG, marks=pytest.mark.chaos)], ids=["small", "big"]
)
async def test_every_booking_ends_as_it_should_whoever_is_killed(
    troupe: Troupe, attack: Attack, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    parts, crew = troupe.parts, troupe.crew
    outcome = await survive(attack, seed, parts, troupe.clients, crew, lambda: owners(parts.pool))
    with capsys.disabled():
        print(report("choreographed", seed, crew, outcome))
    assert outcome.violations == []
    noted = await moves(parts.pool)
    assert quarrels(noted) == []
    assert {move.process for move in noted} > crew.names()  # the dead had work to leave
    assert await parts.pool.fetchval(HANDLED)
    taken_over = (await claims(parts.pool, crew.kills[-1]))[-1][0]
    assert taken_over - crew.kills[-1] < TAKE_OVER + BUSY


async def book(troupe: Troupe, rows: range) -> None:
    """One booking for each row, until all are confirmed and everybody has heard of it."""

    async def one(row: int) -> None:
        request = place(f"b{row}", f"{row}-1", concert=CALM)
        assert (await troupe.clients.process.place(request)).status == "confirmed"

    async def all_handled() -> bool:
        return bool(await troupe.parts.pool.fetchval(HANDLED))

    await asyncio.gather(*map(one, rows))
    await eventually(all_handled, "all handled", START)


async def join(troupe: Troupe, name: str) -> None:
    """One more member, until everybody left it its share."""
    await troupe.crew.start(name)
    await all_share(troupe)
    # A heartbeat is in the database a moment before its member has read it; the next one is not.
    for _ in range(2):
        beat_since = partial(troupe.parts.pool.fetchval, ALL_BEAT, datetime.now(UTC))
        await eventually(beat_since, "all heard of it", START)


async def all_share(troupe: Troupe) -> None:
    """Wait until every living member owns slices, and nobody else does."""

    async def shared() -> bool:
        return set(await owners(troupe.parts.pool)) == troupe.crew.names()

    await eventually(shared, "shared", START)


async def test_members_that_come_and_go_in_good_order_share_the_slices_and_repeat_nothing(
    troupe: Troupe, capsys: pytest.CaptureFixture[str]
) -> None:
    parts, crew = troupe.parts, troupe.crew
    await parts.pool.execute(NOTE_REPEATS)
    for concert in concerts():
        await parts.reservations.add_concert(concert)
    await crew.start("one")
    await all_share(troupe)
    await join(troupe, "two")
    await balanced(parts)
    await book(troupe, range(1, 21))

    left_at = datetime.now(UTC)
    assert await crew.stop("one") == 0
    await book(troupe, range(21, 41))
    await all_share(troupe)
    handed_over = (await claims(parts.pool, left_at))[-1][0] - left_at
    with capsys.disabled():
        print(f"\nafter SIGTERM the last slice had its new owner {handed_over} later")
    assert handed_over < HAND_OVER + BUSY

    joined_at = datetime.now(UTC)
    await join(troupe, "three")
    assert {process for _, process in await claims(parts.pool, joined_at)} == {"three.1"}
    await balanced(parts)
    await book(troupe, range(41, 61))
    assert await repeats(parts.pool) == 0
    assert quarrels(await moves(parts.pool)) == []


async def balanced(parts: BoxOffice) -> None:
    """Nobody has a quarter more than his share; by chance that is rarer than 1 in 10⁶."""
    shares = await owners(parts.pool)
    assert shares.total() == CONSUMERS * SLICES
    assert max(shares.values()) < 1.25 * shares.total() / len(shares)


MOVE = Move("reader", 7, position=3, epoch=2, owner=UUID(int=1), process="one")


def test_a_quarrel_about_a_slice_is_found() -> None:
    other = replace(MOVE, epoch=3, owner=UUID(int=2), process="two")
    assert quarrels([MOVE, replace(MOVE, position=4), replace(other, position=4)]) == []
    assert quarrels([other, MOVE]) == ["reader, slice 7: one moved it after it was fenced"]
    assert quarrels([MOVE, replace(MOVE, position=2)]) == ["reader, slice 7: from 3 back to 2"]
    assert quarrels([MOVE, replace(other, epoch=2)]) == ["reader, slice 7: epoch 2 has 2 owners"]
