"""`verify_log` finds what it promises to find."""

from uuid import UUID

import asyncpg
import pytest

from eventstore.postgres.checkpoints import PostgresCheckpointStore
from eventstore.postgres.log import PostgresEventStore
from eventstore.postgres.verify import verify_log
from eventstore.slices import slice_of
from tests.integration.eventstore.conftest import Plant
from tests.support.log import BOOKING, append, stream

# booking-1 lives in slice 31 and has two commands: versions 1 to 3, then 4. Each corruption is
# followed by how some of the findings begin.
CORRUPTIONS = [
    (
        "DELETE FROM es.event WHERE version = 2",
        "slice 31: 3 positions from 1 to 4",
        "stream booking-1: 3 versions from 1 to 4",
        "stream booking-1 command",
    ),
    ("DELETE FROM es.event WHERE version = 1", "slice 31: 3 positions from 2"),
    ("DELETE FROM es.event WHERE version = 4", "consumer view generation 1 slice 31: checkpoint 4"),
    ("UPDATE es.event SET position = position + 1 WHERE version = 4", "slice 31: 4 positions"),
    (
        "UPDATE es.slice SET floor = 1 WHERE slice = 31;"
        "UPDATE es.event SET position = 5 WHERE version = 4",
        "slice 31: 4 positions from 1 to 5 above floor 1",
    ),
    (
        "UPDATE es.event SET position = 9 WHERE version = 4;"
        "UPDATE es.event SET position = position + 1 WHERE version = 3;"
        "UPDATE es.event SET position = position + 1 WHERE version = 2;"
        "UPDATE es.event SET position = position + 1 WHERE version = 1;"
        "UPDATE es.event SET position = 1 WHERE version = 4",
        "stream booking-1: version 4 stands at position 1, before version 3",
    ),
    (
        "UPDATE es.event SET position = 9 WHERE version = 4;"
        "UPDATE es.event SET position = 4 WHERE version = 3;"
        "UPDATE es.event SET position = 3 WHERE version = 4",
        "stream booking-1 command 00000000-0000-0000-0000-000000000001: 3 of 3 events, or not side",
    ),
    (
        "UPDATE es.event SET command_hash = gen_random_uuid() WHERE version = 2",
        "stream booking-1 command 00000000-0000-0000-0000-000000000001: 3 of 3 events",
    ),
    ("UPDATE es.event SET version = 9 WHERE version = 4", "stream booking-1: 4 versions"),
    ("UPDATE es.event SET command_size = 4", "stream booking-1 command"),
    ("UPDATE es.event SET ordinal = 3, command_size = 4 WHERE version = 3", "stream booking-1 com"),
    ("UPDATE es.event SET slice = 30", "stream booking-1: stored in slice 30 instead of 31"),
    ("UPDATE es.event SET slice = 999", "slice 999: 4 positions"),
    ("UPDATE es.event SET stream_id = 'concert-1'", "stream concert-1: its category"),
    ("UPDATE es.slice SET floor = 2 WHERE slice = 31", "slice 31: 4 positions from 1 to 4 above"),
    ("DELETE FROM es.slice WHERE slice = 63", "es.slice: is not what"),
    ("UPDATE es.checkpoint SET position = 1 WHERE slice = 5", "consumer view generation 1 slice 5"),
    (
        """INSERT INTO es.dead_letter
           VALUES ('view', 1, 31, 9, 'booking-1', 1, 'no', es.now(), NULL)""",
        "consumer view generation 1 slice 31 position 9: dead letter without its event",
    ),
]


TABLES = ("event", "slice", "checkpoint", "dead_letter")
BACK_UP = ";".join(f"CREATE TABLE good_{name} AS TABLE es.{name}" for name in TABLES)
RESTORE = ";".join(
    f"DELETE FROM es.{name}; INSERT INTO es.{name} TABLE good_{name}" for name in TABLES
)


@pytest.fixture
async def _filled(
    pool: asyncpg.Pool, log: PostgresEventStore, checkpoints: PostgresCheckpointStore
) -> None:
    await append(log, stream(), 1, events=3)
    await append(log, stream(), 2)
    await checkpoints.register("view", 1, BOOKING)
    for claim in await checkpoints.claim("view", 1, [slice_of(stream())], UUID(int=1)):
        await checkpoints.advance(None, claim, 4)
    await pool.execute(BACK_UP)


@pytest.mark.usefixtures("_filled")
async def test_every_planted_corruption_is_found(pool: asyncpg.Pool, plant: Plant) -> None:
    for corruption, *expected in CORRUPTIONS:
        assert list(await verify_log(pool)) == []
        await plant(corruption)
        findings = [str(found) for found in await verify_log(pool)]
        for finding in expected:
            assert any(found.startswith(finding) for found in findings), (corruption, findings)
        await pool.execute(RESTORE)
