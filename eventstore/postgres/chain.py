"""Every slice is a hash chain: what was changed, removed or inserted does not fit into it.

The formula stands here once more, beside `es.event_hash`, which whoever owns the database can
replace. Why a chain: docs/decisions/0019-every-slice-is-a-hash-chain.md.
"""

from collections.abc import AsyncIterator, Sequence

from asyncpg import Pool, Record
from asyncpg.pool import PoolConnectionProxy

from eventstore.api import Head
from eventstore.slices import Slice

BROKEN_OF_A_SLICE_MAX = 10  # more would hide the other slices; the rest is counted

Problem = tuple[str, str]  # place, problem

HEADS = """
SELECT s.slice, coalesce(last.position, s.floor) AS position,
       coalesce(last.hash, s.floor_hash) AS hash
  FROM es.slice AS s
  LEFT JOIN LATERAL (
       SELECT e.position, e.hash FROM es.event AS e
        WHERE e.slice = s.slice
        ORDER BY e.position DESC
        LIMIT 1) AS last ON true
 ORDER BY s.slice
"""

SEALS = "SELECT slice, sealed AS position, sealed_hash AS hash FROM es.slice WHERE sealed > floor"

SLICES = "SELECT slice FROM es.slice ORDER BY slice"

# The slice's index gives the order, so the server sorts and keeps nothing.
# $1 slice
BROKEN_LINKS = """
SELECT position, stream_id, version, position - before - 1 AS missing
  FROM (SELECT e.position, e.stream_id, e.version, e.hash,
               lag(e.position, 1, s.floor) OVER w AS before,
               sha256(convert_to(json_build_array(
                 encode(lag(e.hash, 1, s.floor_hash) OVER w, 'hex'), e.slice, e.position, e.version,
                 extract(epoch FROM e.recorded_at), e.event_id, e.command_id, e.command_hash,
                 e.ordinal, e.command_size, e.schema_version, e.stream_id, e.event_type, e.data,
                 e.metadata)::text, 'UTF8')) AS fits
          FROM es.event AS e
          JOIN es.slice AS s ON s.slice = e.slice
         WHERE e.slice = $1
        WINDOW w AS (ORDER BY e.position)) AS link
 WHERE hash IS DISTINCT FROM fits OR position <> before + 1
 ORDER BY position
"""

# At a floor the event is gone, and its hash is kept.
# $1 slices, $2 positions, $3 hashes
UNLIKE = """
SELECT h.slice, h.position, e.stream_id, e.version
  FROM unnest($1::integer[], $2::bigint[], $3::bytea[]) AS h (slice, position, hash)
  LEFT JOIN es.slice AS s ON s.slice = h.slice AND s.floor = h.position
  LEFT JOIN es.event AS e ON e.slice = h.slice AND e.position = h.position
 WHERE coalesce(e.hash, s.floor_hash) IS DISTINCT FROM h.hash
 ORDER BY h.slice
"""


async def heads(database: Pool | PoolConnectionProxy) -> Sequence[Head]:
    """Return where every slice ends, all at one instant."""
    return [_head(row) for row in await database.fetch(HEADS)]


async def seals(connection: PoolConnectionProxy) -> Sequence[Head]:
    """Return where every slice ended when `es.seal` last saw it grow."""
    return [_head(row) for row in await connection.fetch(SEALS)]


async def unlike(
    connection: PoolConnectionProxy, heads: Sequence[Head], how: str
) -> Sequence[Problem]:
    """Return where the log is not the one that had these heads; they were `how`."""
    columns = zip(*((head.slice, head.position, head.hash) for head in heads), strict=True)
    rows = await connection.fetch(UNLIKE, *(columns if heads else ((), (), ())))
    return [
        (f"slice {row['slice']} position {row['position']}", f"was {how}, and is removed")
        if row["stream_id"] is None
        else (_place(row["slice"], row), f"is not the event that was {how}")
        for row in rows
    ]


async def broken_links(
    connection: PoolConnectionProxy, patience_seconds: float
) -> AsyncIterator[Problem]:
    """Yield the events that do not fit, slice by slice. Needs a transaction."""
    for slice in [row["slice"] for row in await connection.fetch(SLICES)]:
        broken = 0
        cursor = connection.cursor(BROKEN_LINKS, slice, prefetch=1_000, timeout=patience_seconds)
        async for row in cursor:
            broken += 1
            if broken <= BROKEN_OF_A_SLICE_MAX:
                yield _place(slice, row), _problem(row)
        if broken > BROKEN_OF_A_SLICE_MAX:
            yield f"slice {slice}", f"{broken - BROKEN_OF_A_SLICE_MAX} more events do not fit"


def _head(row: Record) -> Head:
    return Head(Slice(row["slice"]), row["position"], row["hash"])


def _place(slice: int, row: Record) -> str:
    return f"slice {slice} position {row['position']}: {row['stream_id']} {row['version']}"


def _problem(row: Record) -> str:
    if row["missing"]:
        return f"events missing before it: {row['missing']}"
    return "does not fit: it was changed or moved, or the event before it was"
