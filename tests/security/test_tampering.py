"""`verify` finds what a superuser did to the log behind everybody's back, and names it."""

import re
from collections.abc import Sequence
from hashlib import sha256

import asyncpg
import pytest

from eventstore.postgres.chain import BROKEN_OF_A_SLICE_MAX, heads
from eventstore.postgres.log import PostgresEventStore
from eventstore.postgres.verify import verify_log, verify_published
from eventstore.slices import Slice
from tests.support.chain import MIGRATION, hash_again
from tests.support.log import append, streams_in

SLICE = Slice(31)
A, B = streams_in(SLICE, 2)  # booking-1 and another one
UNGUARDED = "ALTER TABLE es.event DISABLE TRIGGER event_append_only"
DOES_NOT_FIT = "does not fit: it was changed or moved, or the event before it was"
SECOND = f"slice 31 position 2: {A} 2: {DOES_NOT_FIT}"

# Everybody who may write the table can compute hashes as well.
# $1 position
REHASH_ONE = """
UPDATE es.event AS e
   SET hash = es.event_hash(b.hash, e.slice, e.position, e.version, e.recorded_at, e.event_id,
                            e.command_id, e.command_hash, e.ordinal, e.command_size,
                            e.schema_version, e.stream_id, e.event_type, e.data, e.metadata)
  FROM es.event AS b
 WHERE e.slice = 31 AND e.position = $1 AND b.slice = 31 AND b.position = $1 - 1
"""

# Each ends with WHERE: the second event of five is meant.
CHANGES = (
    """data = '{"number": 7}'""",
    """data = data || '{"more": null}'""",
    "event_type = 'Forged'",
    """metadata = '{"actor": "nobody"}'""",
    "recorded_at = recorded_at + interval '1 microsecond'",
    "recorded_at = 'infinity'",
    "event_id = gen_random_uuid()",
    "command_hash = gen_random_uuid()",
    "command_id = gen_random_uuid()",
    "schema_version = 2",
    "ordinal = 0, command_id = gen_random_uuid()",
    "command_size = 9",
    "version = 9",
    "stream_id = 'booking-other'",
    "hash = sha256('')",
    "hash = ''",
)

FIRST_FREE = "INSERT INTO es.event SELECT 6, 1, recorded_at, event_id, gen_random_uuid(), command_hash, slice, 0::smallint, 1::smallint, schema_version, 'booking-forged', event_type, data, metadata, hash FROM es.event WHERE slice = 31 AND position = 5"  # noqa: E501

# What was done, and the findings that it must lead to.
TAMPERINGS = {
    "two events exchange their data": (
        """UPDATE es.event AS e SET data = o.data FROM es.event AS o
            WHERE e.slice = 31 AND o.slice = 31
              AND (e.position, o.position) IN ((1, 2), (2, 1))""",
        f"slice 31 position 1: {A} 1: {DOES_NOT_FIT}",
        SECOND,
    ),
    "two events exchange their places": (
        """UPDATE es.event SET position = 99 WHERE slice = 31 AND position = 3;
           UPDATE es.event SET position = 3 WHERE slice = 31 AND position = 4;
           UPDATE es.event SET position = 4 WHERE slice = 31 AND position = 99""",
        f"slice 31 position 3: {B} 1: {DOES_NOT_FIT}",
        f"slice 31 position 4: {A} 3: {DOES_NOT_FIT}",
    ),
    "an event in the middle is removed": (
        "DELETE FROM es.event WHERE slice = 31 AND position = 3",
        f"slice 31 position 4: {B} 1: events missing before it: 1",
    ),
    "the gap is closed": (
        """DELETE FROM es.event WHERE slice = 31 AND position = 3;
           UPDATE es.event SET position = 3 WHERE slice = 31 AND position = 4;
           UPDATE es.event SET position = 4 WHERE slice = 31 AND position = 5""",
        f"slice 31 position 3: {B} 1: {DOES_NOT_FIT}",
        "slice 31 position 5: was sealed, and is removed",
    ),
    "the first event is removed": (
        "DELETE FROM es.event WHERE slice = 31 AND position = 1",
        f"slice 31 position 2: {A} 2: events missing before it: 1",
    ),
    "the last event is removed": (
        "DELETE FROM es.event WHERE slice = 31 AND position = 5",
        "slice 31 position 5: was sealed, and is removed",
    ),
    "the slice is emptied": (
        "DELETE FROM es.event WHERE slice = 31",
        "slice 31 position 5: was sealed, and is removed",
    ),
    "an event is inserted at the end": (
        FIRST_FREE,
        f"slice 31 position 6: booking-forged 1: {DOES_NOT_FIT}",
    ),
    "an event is inserted in the middle": (
        FIRST_FREE
        + """;
           UPDATE es.event SET position = 99 WHERE slice = 31 AND position = 6;
           UPDATE es.event SET position = 6 WHERE slice = 31 AND position = 5;
           UPDATE es.event SET position = 5 WHERE slice = 31 AND position = 99""",
        f"slice 31 position 5: booking-forged 1: {DOES_NOT_FIT}",
        f"slice 31 position 6: {A} 4: {DOES_NOT_FIT}",
    ),
    "an event is moved to another slice": (
        "UPDATE es.event SET slice = 30, position = 1 WHERE slice = 31 AND position = 5",
        f"slice 30 position 1: {A} 4: {DOES_NOT_FIT}",
        "slice 31 position 5: was sealed, and is removed",
        f"stream {A}: stored in slice 30 instead of 31",
    ),
}


@pytest.fixture
async def log(pool: asyncpg.Pool) -> PostgresEventStore:
    """Five events in slice 31, sealed; the guard against changes is off."""
    log = PostgresEventStore(pool)
    await append(log, A, 1, events=3)
    await append(log, B, 2)
    await append(log, A, 3)
    await pool.execute("SELECT es.seal()")
    await pool.execute(UNGUARDED)
    return log


async def findings(pool: asyncpg.Pool) -> Sequence[str]:
    return [str(found) for found in await verify_log(pool)]


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize("change", CHANGES)
async def test_a_changed_event_is_named(pool: asyncpg.Pool, change: str) -> None:
    assert await findings(pool) == []
    await pool.execute(f"UPDATE es.event SET {change} WHERE slice = 31 AND position = 2")
    named = [found.split(":")[0] for found in await findings(pool) if "fit" in found]
    assert named[0] == "slice 31 position 2"
    assert set(named[1:]) <= {"slice 31 position 3"}  # which stands on the changed hash


def test_every_column_is_changed_once_in_these_tests() -> None:
    [columns] = re.findall(r"es\.event_hash\(\s*previous bytea, (.*?)\) RETURNS", MIGRATION, re.S)
    names = set(re.findall(r'"?(\w+)"? \w+(?:,|\s*$)', columns))
    changed = {column for change in CHANGES for column in re.findall(r"(\w+) = ", change)}
    assert names <= changed | {"slice", "position"}
    assert len(names) == 14


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize("tampering", TAMPERINGS)
async def test_each_tampering_is_named(pool: asyncpg.Pool, tampering: str) -> None:
    assert await findings(pool) == []
    sql, *expected = TAMPERINGS[tampering]
    await pool.execute(sql)
    assert set(expected) <= set(await findings(pool))


async def test_a_rehashed_event_shows_at_the_next_one(
    pool: asyncpg.Pool, log: PostgresEventStore
) -> None:
    await pool.execute("UPDATE es.event SET data = '{}' WHERE slice = 31 AND position = 2")
    await pool.execute(REHASH_ONE, 2)
    assert await findings(pool) == [f"slice 31 position 3: {A} 3: {DOES_NOT_FIT}"]


async def test_the_last_event_does_not_lose_its_seal_when_another_takes_its_place(
    pool: asyncpg.Pool, log: PostgresEventStore
) -> None:
    await pool.execute("DELETE FROM es.event WHERE slice = 31 AND position = 5")
    for number in (4, 5):
        await append(log, B, number)
        await pool.execute("SELECT es.seal()")
    assert f"slice 31 position 5: {B} 2: is not the event that was sealed" in await findings(pool)


async def test_without_a_seal_the_end_of_a_slice_is_lost_unseen(
    pool: asyncpg.Pool, log: PostgresEventStore
) -> None:
    await append(log, B, 4)  # after the seal
    await pool.execute("DELETE FROM es.event WHERE slice = 31 AND position = 6")
    assert await findings(pool) == []


async def test_many_changes_are_counted(pool: asyncpg.Pool, log: PostgresEventStore) -> None:
    await append(log, A, 4, events=BROKEN_OF_A_SLICE_MAX)
    await pool.execute("UPDATE es.event SET data = '[]' WHERE slice = 31")
    found = [line for line in await findings(pool) if "fit" in line]
    assert len(found) == BROKEN_OF_A_SLICE_MAX + 1
    assert found[-1] == "slice 31: 5 more events do not fit"


async def test_an_owner_who_hashes_everything_again_is_found_by_what_was_published(
    pool: asyncpg.Pool, log: PostgresEventStore
) -> None:
    published = await heads(pool)
    assert await verify_published(pool, published) == []
    await append(log, B, 4)
    assert await verify_published(pool, published) == []
    await pool.execute("UPDATE es.event SET data = '{}' WHERE slice = 31 AND position = 2")
    await hash_again(pool)
    assert await findings(pool) == []
    assert list(map(str, await verify_published(pool, published))) == [
        f"slice 31 position 5: {A} 4: is not the event that was published"
    ]


async def test_an_owner_who_replaces_the_formula_deceives_nobody(
    pool: asyncpg.Pool, log: PostgresEventStore
) -> None:
    source: str = await pool.fetchval("SELECT pg_get_functiondef('es.event_hash'::regproc)")
    head, _ = source.split("RETURN sha256", maxsplit=1)
    await pool.execute(head + "RETURN sha256('')")
    await append(log, B, 4)
    assert await findings(pool) == [f"slice 31 position 6: {B} 2: {DOES_NOT_FIT}"]


async def test_the_hash_can_be_computed_elsewhere(
    pool: asyncpg.Pool, log: PostgresEventStore
) -> None:
    """By whoever has the rows and SHA-256; the session's settings make no difference."""
    async with pool.acquire() as connection:
        for setting in (
            "TimeZone = 'Asia/Kolkata'",
            "DateStyle = 'German'",
            "bytea_output = escape",
            "extra_float_digits = -3",
            "IntervalStyle = sql_standard",
        ):
            await connection.execute(f"SET {setting}")
        await append(PostgresEventStore(connection), A, 4)  # type: ignore[arg-type]  # a proxy
        rows = await connection.fetch(
            """SELECT *, extract(epoch FROM recorded_at) AS seconds
                 FROM es.event WHERE slice = 31 ORDER BY position"""
        )
        await connection.execute("RESET ALL")
    previous = b""
    for row in rows:
        text = (
            f'["{previous.hex()}", {row["slice"]}, {row["position"]}, {row["version"]}, '
            f'{row["seconds"]}, "{row["event_id"]}", "{row["command_id"]}", '
            f'"{row["command_hash"]}", {row["ordinal"]}, {row["command_size"]}, '
            f'{row["schema_version"]}, "{row["stream_id"]}", "{row["event_type"]}", '
            f"{row['data']}, {row['metadata']}]"
        )
        previous = sha256(text.encode()).digest()
        assert row["hash"] == previous
    assert len(rows) == 6
    assert await findings(pool) == []


async def test_the_formula_never_changes(pool: asyncpg.Pool) -> None:
    assert (
        await pool.fetchval(
            """SELECT encode(es.event_hash(
                 sha256('x'), 31, 2, 3, '2031-05-01 12:00:00.000001+02',
                 '00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000002',
                 '00000000-0000-0000-0000-000000000003', 0::smallint, 1::smallint, 1::smallint,
                 E'booking-"\\n1', 'Noted', '{"b": 1.50, "a": "ü\\n", "c": [null, 1e3]}', '{}'),
                 'hex')"""
        )
        == "7ed9673d1db3767ccd991ec0b3e65b5556518a8d5a730a98fc48e2038d4d258b"
    )
