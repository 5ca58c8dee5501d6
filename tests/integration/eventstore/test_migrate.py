"""A database only goes forward, and what was applied stays what it was."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from entrypoints.devstack.servers import Postgres
from eventstore.errors import DefectError
from eventstore.postgres.migrate import migrate
from tests.conftest import MIGRATIONS

EVENTSTORE = [f"eventstore/{file.name}" for file in sorted(MIGRATIONS[0].glob("*.sql"))]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with two migrations."""
    migrations = tmp_path / "shop" / "migrations"
    migrations.mkdir(parents=True)
    (migrations / "0001_shop.sql").write_text("CREATE SCHEMA shop; CREATE TABLE shop.one ();")
    (migrations / "0002_two.sql").write_text("CREATE TABLE shop.two ();")
    return migrations


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


async def exists(connection: asyncpg.Connection, table: str) -> bool:
    return await connection.fetchval("SELECT to_regclass($1)", table) is not None


async def test_each_file_is_applied_in_order(connection: asyncpg.Connection, package: Path) -> None:
    assert await migrate(connection, [package]) == ["shop/0001_shop.sql", "shop/0002_two.sql"]
    assert await migrate(connection, [package]) == []
    (package / "0003_three.sql").write_text("CREATE TABLE shop.three ();")
    assert await migrate(connection, [package, *MIGRATIONS]) == ["shop/0003_three.sql"]
    assert await exists(connection, "shop.three")


async def test_two_migrators_at_once_apply_a_file_once(database: str, package: Path) -> None:
    async def run() -> list[str]:
        connection = await asyncpg.connect(database)
        try:
            return list(await migrate(connection, [package]))
        finally:
            await connection.close()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run()) for _ in range(4)]
    applied = [name for task in tasks for name in task.result()]
    assert sorted(applied) == ["shop/0001_shop.sql", "shop/0002_two.sql"]


async def test_a_failing_file_leaves_nothing(connection: asyncpg.Connection, package: Path) -> None:
    (package / "0002_two.sql").write_text("CREATE TABLE shop.two (); SELECT 1 / 0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(connection, [package])
    assert await exists(connection, "shop.one")
    assert not await exists(connection, "shop.two")


async def test_a_changed_file_is_a_defect(connection: asyncpg.Connection, package: Path) -> None:
    await migrate(connection, [package])
    (package / "0001_shop.sql").write_text("CREATE SCHEMA shop;")
    with pytest.raises(DefectError, match=r"shop/0001_shop\.sql changed"):
        await migrate(connection, [package])


async def test_a_file_too_late_is_a_defect(connection: asyncpg.Connection, package: Path) -> None:
    await migrate(connection, [package])
    (package / "0001_early.sql").write_text("SELECT 1;")
    (package / "0001_shop.sql").unlink()
    with pytest.raises(DefectError, match="too late"):
        await migrate(connection, [package])


@pytest.mark.parametrize("name", ["two.sql", "0002_again.sql"])
async def test_a_file_out_of_the_numbers_is_a_defect(
    connection: asyncpg.Connection, package: Path, name: str
) -> None:
    (package / name).write_text("SELECT 1;")
    with pytest.raises(DefectError, match="each number once"):
        await migrate(connection, [package])


async def test_databases_of_one_server_are_migrated_at_once(postgres: Postgres) -> None:
    """Roles belong to the server, so the first migrations race for them."""
    server = await asyncpg.connect(postgres.url("postgres"))
    names = [f"fresh_{number}" for number in range(3)]

    async def run(name: str) -> None:
        connection = await asyncpg.connect(postgres.url(name))
        try:
            assert await migrate(connection, MIGRATIONS[:1]) == EVENTSTORE
        finally:
            await connection.close()

    for name in names:
        await server.execute(f"CREATE DATABASE {name}")
    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(run(name))
    for name in names:
        await server.execute(f"DROP DATABASE {name}")
    await server.close()
