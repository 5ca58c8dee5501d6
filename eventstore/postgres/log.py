"""The log in Postgres takes one round trip to load, and one to append."""

import json
from collections.abc import Callable, Mapping, Sequence

from asyncpg import Connection, Pool, Record

from eventstore.api import (
    Appended,
    AppendResult,
    CommandRef,
    Duplicate,
    Loaded,
    Metadata,
    NewEvent,
    StoredEvent,
    VersionConflict,
)
from eventstore.errors import CommandIdReusedError
from eventstore.slices import Category, Slice, StreamId, slice_of

# Always returns a row, for the clock. The first join asks whether this command was recorded.
# $1 stream, $2 command_id
LOAD = """
SELECT clock.now, done.command_hash AS done_hash,
       e.stream_id, e.version, e.slice, e.position, e.event_type, e.schema_version,
       e.data, e.metadata, e.event_id, e.command_id, e.recorded_at
  FROM (SELECT es.now() AS now) AS clock
  LEFT JOIN es.event AS done
    ON done.stream_id = $1 AND done.command_id = $2 AND done.ordinal = 0
  LEFT JOIN es.event AS e ON e.stream_id = $1
 ORDER BY e.version
"""

# Autocommit, so the slice's lock is not held across the network; in a transaction, comes last.
# $1 slice, $2 stream, $3 expected_version, $4 command_id, $5 command_hash, $6 event_ids, $7 types,
# $8 schema_versions, $9 data, $10 metadata
APPEND = """
SELECT outcome, first_version, last_version, last_position, recorded_at
  FROM es.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

# $1 stream, $2 after_version
READ_STREAM = """
SELECT e.stream_id, e.version, e.slice, e.position, e.event_type, e.schema_version,
       e.data, e.metadata, e.event_id, e.command_id, e.recorded_at
  FROM es.event AS e
 WHERE e.stream_id = $1 AND e.version > $2
 ORDER BY e.version
"""

# $1 slices, $2 after_positions, $3 limit of each slice
READ_SLICES = """
SELECT e.stream_id, e.version, e.slice, e.position, e.event_type, e.schema_version,
       e.data, e.metadata, e.event_id, e.command_id, e.recorded_at
  FROM unnest($1::integer[], $2::bigint[]) AS o (slice, after)
 CROSS JOIN LATERAL (
       SELECT stream_id, version, slice, position, event_type, schema_version,
              data, metadata, event_id, command_id, recorded_at
         FROM es.event
        WHERE slice = o.slice AND position > o.after
        ORDER BY position
        LIMIT $3) AS e
 ORDER BY e.slice, e.position
"""

# $1 category
HEADS = """
SELECT s.slice, coalesce(last.position, s.floor) AS head
  FROM es.slice AS s
  LEFT JOIN LATERAL (
       SELECT e.position FROM es.event AS e
        WHERE e.slice = s.slice
        ORDER BY e.position DESC
        LIMIT 1) AS last ON true
 WHERE s.category = $1
 ORDER BY s.slice
"""


OUTCOMES = ("appended", "duplicate", "conflict", "reused")  # of es.append


class PostgresEventStore:
    """An `EventStore` over the schema `es`; on a connection, it joins that one's transaction.

    `observe` is called with the outcome of every append, one of `OUTCOMES`. A command that is found
    to be a repeat before anything is appended counts as a duplicate as well.
    """

    def __init__(
        self, database: Pool | Connection, observe: Callable[[str], object] = lambda outcome: None
    ) -> None:
        self._database = database
        self._observe = observe

    async def load(self, stream: StreamId, command: CommandRef) -> Loaded:
        rows = await self._database.fetch(LOAD, stream, command.id)
        events = [_event(row) for row in rows if row["version"] is not None]
        recorded = rows[0]["done_hash"] == command.hash
        if recorded:
            self._observe("duplicate")
        return Loaded(
            now=rows[0]["now"],
            version=events[-1].version if events else 0,
            events=events,
            already=[event for event in events if recorded and event.command_id == command.id],
        )

    async def append(
        self,
        stream: StreamId,
        command: CommandRef,
        events: Sequence[NewEvent],
        *,
        expected: int,
        metadata: Metadata,
    ) -> AppendResult:
        if not events:
            raise ValueError(f"{stream}: nothing to append")
        slice = slice_of(stream)
        row = await self._database.fetchrow(
            APPEND,
            slice,
            stream,
            expected,
            command.id,
            command.hash,
            [command.event_id(stream, ordinal) for ordinal in range(len(events))],
            [event.type for event in events],
            [event.schema_version for event in events],
            [event.data for event in events],
            json.dumps(dict(metadata)),
        )
        assert row is not None  # a function with OUT parameters returns exactly one row
        self._observe(row["outcome"])
        return _append_result(stream, slice, command, row)

    async def read_stream(self, stream: StreamId, *, after: int = 0) -> Sequence[StoredEvent]:
        return [_event(row) for row in await self._database.fetch(READ_STREAM, stream, after)]

    async def read_slices(self, after: Mapping[Slice, int], *, limit: int) -> Sequence[StoredEvent]:
        rows = await self._database.fetch(READ_SLICES, list(after), list(after.values()), limit)
        return [_event(row) for row in rows]

    async def heads(self, category: Category) -> Mapping[Slice, int]:
        rows = await self._database.fetch(HEADS, category)
        return {Slice(row["slice"]): row["head"] for row in rows}


def _append_result(
    stream: StreamId, slice: Slice, command: CommandRef, row: Record
) -> AppendResult:
    match row["outcome"]:
        case "conflict":
            return VersionConflict(actual=row["last_version"])
        case "reused":
            raise CommandIdReusedError(f"{stream}: command {command.id} has other content now")
        case outcome:
            result = Duplicate if outcome == "duplicate" else Appended
            return result(
                versions=range(row["first_version"], row["last_version"] + 1),
                slice=slice,
                position=row["last_position"],
                recorded_at=row["recorded_at"],
            )


def _event(row: Record) -> StoredEvent:
    return StoredEvent(
        stream=StreamId(row["stream_id"]),
        version=row["version"],
        slice=Slice(row["slice"]),
        position=row["position"],
        type=row["event_type"],
        schema_version=row["schema_version"],
        data=row["data"],
        metadata=json.loads(row["metadata"]),
        event_id=row["event_id"],
        command_id=row["command_id"],
        recorded_at=row["recorded_at"],
    )
