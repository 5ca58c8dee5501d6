"""History does not change, and es.append is the only way in."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from eventstore.postgres.log import PostgresEventStore
from tests.integration.eventstore.races import ANY_VERSION, AT_LEAST_ONE_EVENT, append_in
from tests.support.log import append, stream

CHANGES = (
    "UPDATE es.event SET version = version",
    "DELETE FROM es.event",
    "TRUNCATE es.event",
    """MERGE INTO es.event AS e USING (SELECT 1) AS one ON e.version = 1
        WHEN MATCHED THEN UPDATE SET version = 9""",
    """INSERT INTO es.event SELECT * FROM es.event
           ON CONFLICT (slice, position) DO UPDATE SET version = 9""",
)
INSERT = """
INSERT INTO es.event SELECT 9, 9, es.now(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),
       31, 0, 1, 1, 'booking-1', 'Noted', '{}', '{}'
"""


@pytest.fixture
async def connection(
    pool: asyncpg.Pool, log: PostgresEventStore
) -> AsyncIterator[asyncpg.Connection]:
    """In a transaction that is rolled back; there is one event."""
    await append(log, stream(), 1)
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        yield connection  # type: ignore[misc]  # a proxy with every method of a connection
        await transaction.rollback()


async def refused(connection: asyncpg.Connection, sql: str) -> str:
    """The error's code."""
    with pytest.raises(asyncpg.PostgresError) as caught:
        async with connection.transaction():
            await connection.execute(sql)
    return str(caught.value.sqlstate)


@pytest.mark.parametrize("role", ["box_office", "es_owner"])
@pytest.mark.parametrize("mode", ["origin", "replica"])
async def test_nobody_changes_history(connection: asyncpg.Connection, role: str, mode: str) -> None:
    await connection.execute(f"SET LOCAL session_replication_role = {mode}")
    await connection.execute(f"SET LOCAL ROLE {role}")
    for change in CHANGES:
        assert await refused(connection, change) == "23001"  # restrict_violation


async def test_an_ordinary_trigger_sleeps_in_replica_mode(connection: asyncpg.Connection) -> None:
    await connection.execute("ALTER TABLE es.event ENABLE TRIGGER event_append_only")
    await connection.execute("SET LOCAL session_replication_role = replica")
    assert await connection.execute("DELETE FROM es.event") == "DELETE 1"


@pytest.mark.parametrize("role", ["box_office_worker", "box_office_consumer"])
async def test_others_may_not_even_try(connection: asyncpg.Connection, role: str) -> None:
    await connection.execute(f"SET LOCAL ROLE {role}")
    for sql in (
        *CHANGES,
        INSERT,
        "UPDATE es.slice SET floor = 1",
        "ALTER TABLE es.event DISABLE TRIGGER ALL",
    ):
        assert await refused(connection, sql) == "42501"  # insufficient_privilege


async def test_a_writer_appends_and_a_consumer_reads(connection: asyncpg.Connection) -> None:
    await connection.execute("SET LOCAL ROLE box_office_worker")
    await append_in(connection, stream(), 2)
    await connection.execute("SET LOCAL ROLE box_office_consumer")
    assert await connection.fetchval("SELECT count(*) FROM es.event") == 2
    await connection.execute("INSERT INTO es.member VALUES ('view', gen_random_uuid(), es.now())")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await append_in(connection, stream(), 3)


GOOD = {
    "slice": "31",
    "stream": "'booking-1'",
    "expected": "-1",
    "command": "gen_random_uuid()",
    "hash": "gen_random_uuid()",
    "event_ids": "ARRAY[gen_random_uuid()]",
    "types": "ARRAY['Noted']",
    "schemas": "ARRAY[1]::smallint[]",
    "data": "ARRAY['{}']::jsonb[]",
    "metadata": "'{}'",
}
BAD = [
    *((name, "NULL") for name in GOOD),
    ("event_ids", "'{}'"),
    ("types", "ARRAY['Noted', 'Noted']"),
    ("schemas", "'{}'"),
    ("data", "'{}'"),
    ("expected", "-3"),
    ("slice", "32"),  # not where the stream lives
    ("slice", "9999"),
    ("metadata", "'[]'"),
    ("data", "ARRAY['1']::jsonb[]"),
]


def append_with(**changed: str) -> str:
    return f"SELECT outcome FROM es.append({', '.join((GOOD | changed).values())})"


async def test_malformed_arguments_are_refused(connection: asyncpg.Connection) -> None:
    assert await connection.fetchval(append_with()) == "appended"
    for name, value in BAD:
        assert await refused(connection, append_with(**{name: value})) == "22023", (name, value)


async def test_parts_of_events_that_are_missing_are_refused(connection: asyncpg.Connection) -> None:
    for name, value in (
        ("event_ids", "ARRAY[NULL]::uuid[]"),
        ("types", "ARRAY[NULL]::text[]"),
        ("schemas", "ARRAY[NULL]::smallint[]"),
        ("data", "ARRAY[NULL]::jsonb[]"),
    ):
        assert await refused(connection, append_with(**{name: value})) == "23502", name


@pytest.mark.parametrize(
    ("expected", "in_a_new_stream"), [(ANY_VERSION, "appended"), (AT_LEAST_ONE_EVENT, "conflict")]
)
async def test_an_append_may_ask_for_less_than_a_version(
    connection: asyncpg.Connection, expected: int, in_a_new_stream: str
) -> None:
    assert await append_in(connection, stream(), 2, expected=expected) == "appended"
    assert await append_in(connection, stream(2), 2, expected=expected) == in_a_new_stream


@pytest.mark.parametrize("isolation", ["repeatable_read", "serializable"])
async def test_a_stale_snapshot_is_refused(pool: asyncpg.Pool, isolation: str) -> None:
    async with pool.acquire() as connection:
        transaction = connection.transaction(isolation=isolation)  # type: ignore[arg-type]  # a parameter
        await transaction.start()
        with pytest.raises(asyncpg.InvalidParameterValueError):
            await append_in(connection, stream(), 1)
        await transaction.rollback()
