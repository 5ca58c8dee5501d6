"""What an append costs beside a plain INSERT and without the chain, in short rounds of one run."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count
from statistics import quantiles
from uuid import uuid4

import asyncpg

from eventstore.postgres.log import APPEND
from eventstore.slices import StreamId, slice_of

DATA = json.dumps({"seats": [{"row": row, "number": 14} for row in range(1, 14)]})  # 385 bytes
METADATA = json.dumps({"process": "booking-" + "x" * 36, "note": "x" * 134})  # 204 bytes
TABLES = """
CREATE SCHEMA bench;
CREATE TABLE bench.bare (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, LIKE es.event);
CREATE TABLE bench.indexed (LIKE es.event INCLUDING INDEXES);
"""
INSERT = """
INSERT INTO bench.{} (position, version, recorded_at, event_id, command_id, command_hash, slice,
                      ordinal, command_size, schema_version, stream_id, event_type, data, metadata,
                      hash)
VALUES ($1, 1, es.now(), $2, $3, $4, $5, 0, 1, 1, $6, 'BookingPlaced', $7, $8, sha256(''))
"""
EXPECT_NO_STREAM = 0
EVENTS_OF_A_STREAM = 5  # placed, confirmed, reminded, paid, settled
POSITIONS = count(1)  # they rise as those of es.append do; random ones would cost an index more

Write = Callable[[asyncpg.Connection], Awaitable[Callable[[], Awaitable[object]]]]


@dataclass(frozen=True, slots=True)
class Measured:
    """How many writes of one kind a second one round had."""

    connections: int
    round: int
    kind: str
    per_second: float


async def es_append(connection: asyncpg.Connection) -> Callable[[], Awaitable[object]]:
    """Prepare the append of one event to a new stream, in one of 64 slices."""
    statement = await connection.prepare(APPEND)

    async def write() -> object:
        stream = StreamId(f"booking-{uuid4()}")
        command = uuid4()
        return await statement.fetchrow(
            slice_of(stream), stream, EXPECT_NO_STREAM, command, command, [uuid4()],
            ["BookingPlaced"], [1], [DATA], METADATA,
        )  # fmt: skip

    return write


async def es_append_booking(
    connection: asyncpg.Connection,
) -> Callable[[], Awaitable[object]]:
    """Prepare the append of one event, of which every fifth begins a new stream."""
    statement = await connection.prepare(APPEND)
    streams = (StreamId(f"booking-{uuid4()}") for _ in count())
    events = ((stream, version) for stream in streams for version in range(EVENTS_OF_A_STREAM))

    async def write() -> object:
        stream, version = next(events)
        command = uuid4()
        return await statement.fetchrow(
            slice_of(stream), stream, version, command, command, [uuid4()],
            ["BookingPlaced"], [1], [DATA], METADATA,
        )  # fmt: skip

    return write


def insert_into(table: str) -> Write:
    """Prepare the insert of a row with the same columns; its position is counted here."""

    async def prepared(connection: asyncpg.Connection) -> Callable[[], Awaitable[object]]:
        statement = await connection.prepare(INSERT.format(table))

        async def write() -> object:
            stream = StreamId(f"booking-{uuid4()}")
            command = uuid4()
            return await statement.fetchrow(
                next(POSITIONS), uuid4(), command, command, slice_of(stream), stream, DATA, METADATA
            )

        return write

    return prepared


KINDS: dict[str, Write] = {
    "es.append": es_append,
    "bare INSERT": insert_into("bare"),
    "INSERT, same indexes": insert_into("indexed"),
    "es.append, no chain": es_append,
    "bookings": es_append_booking,
    "bookings, no chain": es_append_booking,
}


async def measure(
    url: str,
    without_chain_url: str,
    *,
    connections: Sequence[int],
    rounds: int,
    seconds: float,
    seed: int,
    progress: Callable[[str], None],
) -> list[Measured]:
    """Measure every kind of write in every round, in an order drawn from the seed."""
    order = random.Random(seed)  # noqa: S311  # not for secrets
    admin = await asyncpg.connect(url)
    await admin.execute(TABLES)
    await admin.close()
    found: list[Measured] = []
    for many in connections:
        opened = [await asyncpg.connect(url) for _ in range(many)]
        without_chain = [await asyncpg.connect(without_chain_url) for _ in range(many)]
        for number in range(rounds):
            for kind in order.sample(list(KINDS), len(KINDS)):
                used = without_chain if kind.endswith("no chain") else opened
                rate = await _rate(used, KINDS[kind], seconds)
                found.append(Measured(many, number, kind, rate))
            progress(f"{many} connections, round {number + 1} of {rounds}")
        for connection in opened + without_chain:
            await connection.close()
    return found


def ratios(
    found: Sequence[Measured], connections: int, kind: str, other: str
) -> tuple[float, float, float]:
    """Return the quartiles of the rounds' ratios of one kind to another."""
    rates = {
        (measured.round, measured.kind): measured.per_second
        for measured in found
        if measured.connections == connections
    }
    rounds = sorted({number for number, _ in rates})
    values = [rates[number, kind] / rates[number, other] for number in rounds]
    first, median, third = quantiles(values, n=4) if len(values) > 1 else values * 3
    return first, median, third


async def _rate(opened: Sequence[asyncpg.Connection], kind: Write, seconds: float) -> float:
    writes = [await kind(connection) for connection in opened]
    loop = asyncio.get_running_loop()
    begun = loop.time()

    async def repeat(write: Callable[[], Awaitable[object]]) -> int:
        done = 0
        while loop.time() - begun < seconds:
            await write()
            done += 1
        return done

    done = await asyncio.gather(*(repeat(write) for write in writes))
    return sum(done) / (loop.time() - begun)
