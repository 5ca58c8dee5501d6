"""The log's promises are checked over everything that is stored, by SQL."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from asyncpg import Pool
from asyncpg.pool import PoolConnectionProxy

from eventstore.api import Head
from eventstore.postgres.chain import broken_links, seals, unlike
from eventstore.slices import CATEGORY_BASE, StreamId, slice_of, slices_of

PATIENCE_SECONDS = 600.0  # what reads the whole log; the pool is less patient

SLICES = "SELECT slice, category FROM es.slice ORDER BY slice"

STREAMS = "SELECT DISTINCT stream_id, slice FROM es.event ORDER BY stream_id, slice"

# Each returns rows of (place, problem).
CHECKS = (
    """
    SELECT format('slice %s', e.slice) AS place,
           format('%s positions from %s to %s above floor %s',
                  count(*), min(e.position), max(e.position), s.floor) AS problem
      FROM es.event AS e
      LEFT JOIN es.slice AS s ON s.slice = e.slice
     GROUP BY e.slice, s.floor
    HAVING s.floor IS NULL
        OR min(e.position) <> s.floor + 1
        OR max(e.position) - s.floor <> count(*)
    """,
    """
    SELECT format('stream %s', stream_id) AS place,
           format('%s versions from %s to %s', count(*), min(version), max(version)) AS problem
      FROM es.event
     GROUP BY stream_id
    HAVING min(version) <> 1 OR max(version) <> count(*)
    """,
    """
    SELECT format('stream %s', stream_id) AS place,
           format('version %s stands at position %s, before version %s',
                  version, position, version - 1) AS problem
      FROM (SELECT stream_id, slice, version, position,
                   lag(position) OVER (PARTITION BY stream_id, slice ORDER BY version) AS before
              FROM es.event) AS e
     WHERE position < before
    """,
    """
    SELECT format('stream %s command %s', stream_id, command_id) AS place,
           format('%s of %s events, or not side by side', count(*), max(command_size)) AS problem
      FROM es.event
     GROUP BY stream_id, command_id
    HAVING count(*) <> max(command_size)
        OR count(DISTINCT (command_size, command_hash, version - ordinal, position - ordinal)) <> 1
    """,
    """
    SELECT format('consumer %s generation %s slice %s', c.consumer, c.generation, c.slice) AS place,
           format('checkpoint %s outside %s to %s',
                  c.position, s.floor, coalesce(last.position, s.floor)) AS problem
      FROM es.checkpoint AS c
      LEFT JOIN es.slice AS s ON s.slice = c.slice
      LEFT JOIN LATERAL (
           SELECT e.position FROM es.event AS e
            WHERE e.slice = c.slice
            ORDER BY e.position DESC
            LIMIT 1) AS last ON true
     WHERE (c.position BETWEEN s.floor AND coalesce(last.position, s.floor)) IS NOT TRUE
    """,
    """
    SELECT format('consumer %s generation %s slice %s position %s',
                  d.consumer, d.generation, d.slice, d.position) AS place,
           'dead letter without its event' AS problem
      FROM es.dead_letter AS d
     WHERE d.resolved_at IS NULL
       AND NOT EXISTS (
           SELECT FROM es.event AS e
            WHERE (e.slice, e.position, e.stream_id) = (d.slice, d.position, d.stream_id))
    """,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken promise: where, and what is there."""

    place: str
    problem: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}"


async def verify_log(pool: Pool) -> Sequence[Finding]:
    """Return every broken promise of the log."""
    async with (
        pool.acquire() as connection,
        # One snapshot for all checks: what commits meanwhile is not half seen.
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        findings = [finding async for finding in _misplaced(connection)]
        findings += await _unlike(connection, await seals(connection), "sealed")
        findings += [
            Finding(place, problem)
            async for place, problem in broken_links(connection, PATIENCE_SECONDS)
        ]
        for check in CHECKS:
            rows = await connection.fetch(check, timeout=PATIENCE_SECONDS)
            findings += [Finding(row["place"], row["problem"]) for row in rows]
    return findings


async def verify_published(pool: Pool, heads: Sequence[Head]) -> Sequence[Finding]:
    """Return where the log does not continue what was once published of it."""
    async with pool.acquire() as connection:
        return await _unlike(connection, heads, "published")


async def _unlike(
    connection: PoolConnectionProxy, heads: Sequence[Head], how: str
) -> Sequence[Finding]:
    return [Finding(place, problem) for place, problem in await unlike(connection, heads, how)]


async def _misplaced(connection: PoolConnectionProxy) -> AsyncIterator[Finding]:
    """Yield what contradicts `eventstore.slices`."""
    stored = {row["slice"]: row["category"] for row in await connection.fetch(SLICES)}
    expected = {slice: name for name in CATEGORY_BASE for slice in slices_of(name)}
    if stored != expected:
        yield Finding("es.slice", "is not what eventstore/slices.py registers")
    async for row in connection.cursor(STREAMS, prefetch=1_000, timeout=PATIENCE_SECONDS):
        stream, slice = StreamId(row["stream_id"]), row["slice"]
        try:
            home = slice_of(stream)
        except KeyError:
            yield Finding(f"stream {stream}", "its category is not registered")
            continue
        if slice != home:
            yield Finding(f"stream {stream}", f"stored in slice {slice} instead of {home}")
