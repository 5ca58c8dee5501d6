"""Who owned which slice when: every move of a checkpoint, noted by the database itself."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

# While a checkpoint's row is locked by its update, so the numbers are in the order of the updates.
NOTE_MOVES = """
CREATE TABLE move (
  number bigserial PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  consumer text NOT NULL, slice integer NOT NULL, position bigint NOT NULL,
  epoch bigint NOT NULL, owner uuid NOT NULL,
  process text NOT NULL DEFAULT current_setting('application_name'));

CREATE FUNCTION note_move() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
  INSERT INTO move (consumer, slice, position, epoch, owner)
  VALUES (NEW.consumer, NEW.slice, NEW.position, NEW.epoch, NEW.owner);
  RETURN NULL;
END $fn$;

CREATE TRIGGER note_move AFTER UPDATE ON es.checkpoint
  FOR EACH ROW EXECUTE FUNCTION note_move();
"""

# A reservation that is asked for again although its booking is decided: a step that was repeated.
NOTE_REPEATS = """
CREATE TABLE repeat (booking_id text NOT NULL);

CREATE FUNCTION note_repeat() RETURNS trigger LANGUAGE plpgsql AS $fn$
BEGIN
  INSERT INTO repeat (booking_id)
  SELECT NEW.booking_id FROM es.event
   WHERE stream_id = 'booking-' || NEW.booking_id AND version = 2;
  RETURN NULL;
END $fn$;

CREATE TRIGGER note_repeat AFTER UPDATE ON reservations.reservation
  FOR EACH ROW EXECUTE FUNCTION note_repeat();
"""

MOVES = """
SELECT consumer, slice, position, epoch, owner, process
  FROM move
 ORDER BY number
"""

OWNERS = """
SELECT process, count(*) AS slices
  FROM (SELECT DISTINCT ON (consumer, slice) process
          FROM move
         ORDER BY consumer, slice, number DESC) AS last
 GROUP BY process
"""

# The first move of an epoch is its claim.
# $1 after when
CLAIMS = """
SELECT min(at) AS at, min(process) AS process
  FROM move
 GROUP BY consumer, slice, epoch
HAVING min(at) > $1
 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Move:
    consumer: str
    slice: int
    position: int
    epoch: int
    owner: UUID
    process: str


async def moves(pool: asyncpg.Pool) -> list[Move]:
    return [Move(**row) for row in await pool.fetch(MOVES)]


async def repeats(pool: asyncpg.Pool) -> int:
    """How many steps were repeated although they had ended; once `NOTE_REPEATS` is there."""
    count: int = await pool.fetchval("SELECT count(*) FROM repeat")
    return count


async def owners(pool: asyncpg.Pool) -> Counter[str]:
    return Counter({row["process"]: row["slices"] for row in await pool.fetch(OWNERS)})


async def claims(pool: asyncpg.Pool, after: datetime) -> list[tuple[datetime, str]]:
    return [(row["at"], row["process"]) for row in await pool.fetch(CLAIMS, after)]


def quarrels(moves: Sequence[Move]) -> list[str]:
    found = []
    last: dict[tuple[str, int], Move] = {}
    of_epoch: defaultdict[tuple[str, int, int], set[tuple[UUID, str]]] = defaultdict(set)
    for move in moves:
        where = f"{move.consumer}, slice {move.slice}"
        before = last.setdefault((move.consumer, move.slice), move)
        if move.epoch < before.epoch:
            found.append(f"{where}: {move.process} moved it after it was fenced")
        if move.position < before.position:
            found.append(f"{where}: from {before.position} back to {move.position}")
        last[move.consumer, move.slice] = move
        of_epoch[move.consumer, move.slice, move.epoch].add((move.owner, move.process))
    for (consumer, slice, epoch), who in of_epoch.items():
        if len(who) > 1:
            found.append(f"{consumer}, slice {slice}: epoch {epoch} has {len(who)} owners")
    return found
