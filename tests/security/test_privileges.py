"""In the database each program may do what entrypoints/roles.toml says, and nothing else."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from entrypoints.devstack.cluster import ADMIN, as_role
from entrypoints.roles import GRID, LOGINS, OWNER, ROLES, grant, name_of
from tests.support.database import connected

VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN")
DENIED = "42501"  # insufficient_privilege
OF_VIEWS = ("55000", "42809", "0A000")  # what nobody can do with a view, whoever asks
# Statements that need one right and no other; where it is there, most fail for another reason.
TRIES = {
    "SELECT": "SELECT * FROM {table} LIMIT 0",
    "INSERT": "INSERT INTO {table} DEFAULT VALUES",
    "UPDATE": "UPDATE {table} SET {column} = DEFAULT",
    "DELETE": "DELETE FROM {table}",
    "TRUNCATE": "TRUNCATE {table}",
    "TRIGGER": "CREATE TRIGGER mine BEFORE INSERT ON {table} EXECUTE FUNCTION es.refuse()",
    "MAINTAIN": "REINDEX TABLE {table}",
    "owning": "ALTER TABLE {table} DISABLE TRIGGER ALL",
    "dropping": "DROP TABLE {table}",
}

# $1 schemas
TABLES = """
SELECT c.oid::regclass::text AS name, a.attname AS column, c.relkind = 'v' AS is_view
  FROM pg_class AS c
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = 1
 WHERE c.relnamespace::regnamespace::text = ANY ($1) AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
 ORDER BY name
"""
# $1 schemas
FUNCTIONS = """
SELECT p.oid, p.oid::regproc::text AS name,
       (SELECT string_agg('NULL::' || format_type(t.oid, NULL), ', ' ORDER BY t.nr)
          FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS t (oid, nr)) AS nulls
  FROM pg_proc AS p
 WHERE p.pronamespace::regnamespace::text = ANY ($1)
 ORDER BY name
"""
OWNED = """
SELECT r.rolname, d.classid::regclass::text AS kind
  FROM pg_shdepend AS d
  JOIN pg_roles AS r ON r.oid = d.refobjid
 WHERE d.deptype = 'o' AND r.rolname = ANY ($1)
"""
OWNERS = """
SELECT DISTINCT relowner::regrole::text FROM pg_class
 WHERE relnamespace::regnamespace::text = ANY ($1)
 UNION
SELECT proowner::regrole::text FROM pg_proc WHERE pronamespace::regnamespace::text = ANY ($1)
 UNION
SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = ANY ($1)
"""
POWERS = """
SELECT rolname,
       rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls AS has_power
  FROM pg_roles WHERE rolname = ANY ($1)
"""

# What an intruder does with a program's connection, and whoever owns the log could.
ATTACKS = (
    "DROP TABLE es.event CASCADE",
    "DROP SCHEMA es CASCADE",
    "ALTER TABLE es.event DISABLE TRIGGER event_append_only",
    "UPDATE es.event SET data = jsonb_set(data, '{client_id}', '\"eve\"')",
    "DELETE FROM es.event",
    "COPY (SELECT 1) TO PROGRAM 'cat > /dev/null'",
    "COPY (SELECT 1) TO '/tmp/written-by-postgres'",
    "SELECT pg_read_file('postgresql.conf')",
    "ALTER SYSTEM SET archive_command = 'true'",
    "SET session_replication_role = replica",
    "CREATE OR REPLACE FUNCTION es.now() RETURNS timestamptz RETURN 'epoch'::timestamptz",
    "CREATE TABLE public.mine ()",
    "CREATE ROLE mine SUPERUSER",
    "SET ROLE es_owner",
    "SET ROLE box_office_owner",
    "SET ROLE box_office",
)


def rights(role: str) -> set[str]:
    """The roles whose rights a role has."""
    return {role, *GRID.members.get(role, ())}


def verbs_of(role: str, table: str) -> set[str]:
    granted = GRID.tables.get(table, {})
    return {verb for other in rights(role) for verb in granted.get(other, "").split(", ") if verb}


@pytest.fixture
async def admin(database: str) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection."""
    async with connected(as_role(database, ADMIN)) as connection:
        yield connection


async def error_of(connection: asyncpg.Connection, sql: str) -> str | None:
    """Try a statement and take it back: the code of its error."""
    transaction = connection.transaction()
    if takes_back := not sql.startswith("ALTER SYSTEM"):  # which refuses to be in a transaction
        await transaction.start()
    try:
        await connection.execute(sql)
    except asyncpg.PostgresError as error:
        return str(error.sqlstate)
    finally:
        if takes_back:
            await transaction.rollback()
    return None


async def differences(connection: asyncpg.Connection) -> list[str]:
    """What the catalog says otherwise than the grid."""
    return [difference async for difference in _differences(connection)]


async def _differences(connection: asyncpg.Connection) -> AsyncIterator[str]:
    tables = [row["name"] for row in await connection.fetch(TABLES, GRID.schemas)]
    functions = await connection.fetch(FUNCTIONS, GRID.schemas)
    for name in {*GRID.tables, *GRID.functions} - {*tables, *(row["name"] for row in functions)}:
        yield f"there is no {name}"
    for role in GRID.programs:
        for table in tables:
            for verb in VERBS:
                has = await connection.fetchval(
                    "SELECT has_table_privilege($1, $2, $3)", name_of(role), table, verb
                )
                if has != (verb in verbs_of(role, table)):
                    yield f"{role} {'may' if has else 'may not'} {verb} {table}"
        for function in functions:
            has = await connection.fetchval(
                "SELECT has_function_privilege($1, $2::oid, 'EXECUTE')",
                name_of(role),
                function["oid"],
            )
            if has != bool(rights(role) & set(GRID.functions.get(function["name"], ()))):
                yield f"{role} {'may' if has else 'may not'} call {function['name']}"


async def test_the_catalog_says_what_the_grid_says(admin: asyncpg.Connection) -> None:
    assert await differences(admin) == []


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("GRANT DELETE ON es.event TO box_office_worker", "worker may DELETE es.event"),
        ("GRANT UPDATE ON es.slice TO PUBLIC", "reader may UPDATE es.slice"),
        ("REVOKE SELECT ON es.event FROM box_office_consumer", "consumer may not SELECT es.event"),
        ("GRANT EXECUTE ON FUNCTION es.append TO PUBLIC", "reader may call es.append"),
        ("DROP VIEW verification.held_seats", "there is no verification.held_seats"),
        (
            "CREATE TABLE views.new (id text); GRANT SELECT ON views.new TO PUBLIC",
            "reader may SELECT views.new",
        ),
    ],
)
async def test_a_right_too_many_or_too_few_is_found(
    admin: asyncpg.Connection, planted: str, found: str
) -> None:
    await admin.execute(planted)
    assert found in await differences(admin)


async def test_a_migration_takes_back_what_the_grid_does_not_say(admin: asyncpg.Connection) -> None:
    await admin.execute("GRANT ALL ON ALL TABLES IN SCHEMA es TO PUBLIC, es_writer")
    await admin.execute("GRANT ALL ON SCHEMA es TO box_office_reader")
    await grant(admin)
    assert await differences(admin) == []
    assert not await admin.fetchval(
        "SELECT has_schema_privilege('box_office_reader', 'es', 'CREATE')"
    )


@pytest.mark.parametrize("role", GRID.programs)
async def test_every_forbidden_statement_is_refused_and_every_other_is_not(
    database: str, admin: asyncpg.Connection, role: str
) -> None:
    tables = await admin.fetch(TABLES, GRID.schemas)
    functions = await admin.fetch(FUNCTIONS, GRID.schemas)
    wrong = []
    async with connected(as_role(database, name_of(role))) as connection:
        for table in tables:
            may = verbs_of(role, table["name"])
            for verb, sql in TRIES.items():
                code = await error_of(
                    connection, sql.format(table=table["name"], column=table["column"])
                )
                refused = code == DENIED or (table["is_view"] and code in OF_VIEWS)
                if refused == (verb in may):
                    wrong.append((table["name"], verb, code))
        for function in functions:
            may_call = bool(rights(role) & set(GRID.functions.get(function["name"], ())))
            code = await error_of(
                connection, f"SELECT {function['name']}({function['nulls'] or ''})"
            )
            if (code == DENIED) == may_call:
                wrong.append((function["name"], "EXECUTE", code))
    assert wrong == []


async def test_no_program_has_power_over_the_cluster_or_owns_anything(
    database: str, admin: asyncpg.Connection
) -> None:
    powers = {row["rolname"]: row["has_power"] for row in await admin.fetch(POWERS, LOGINS)}
    assert powers == dict.fromkeys(LOGINS, False)
    assert await admin.fetch(OWNED, ROLES) == []
    owners = {owner for (owner,) in await admin.fetch(OWNERS, GRID.schemas)}
    assert owners == {OWNER, "es_owner"}


@pytest.mark.parametrize("role", GRID.programs)
async def test_an_intruder_with_a_programs_connection_destroys_nothing(
    database: str, role: str
) -> None:
    async with connected(as_role(database, name_of(role))) as connection:
        codes = {attack: await error_of(connection, attack) for attack in ATTACKS}
    assert codes == dict.fromkeys(ATTACKS, DENIED)


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_superuser_which_every_program_was_could_do_each(
    admin: asyncpg.Connection, attack: str
) -> None:
    """The statements are right: the roles make the difference, and for history the trigger."""
    code = await error_of(admin, attack)
    await admin.execute("ALTER SYSTEM RESET archive_command")
    assert code == ("23001" if attack.startswith(("UPDATE", "DELETE")) else None)


async def test_only_the_roles_of_programs_are_let_into_the_database(
    database: str, admin: asyncpg.Connection
) -> None:
    """`admit` closes the database to every other role of the cluster."""
    box_office = as_role(database, OWNER).replace(
        database.rpartition("/")[2].partition("?")[0], "box_office"
    )
    await admin.execute("DROP ROLE IF EXISTS stranger")
    await admin.execute("CREATE ROLE stranger LOGIN PASSWORD 'known'")
    try:
        connection = await asyncpg.connect(box_office)
        may = {
            role: await connection.fetchval(
                "SELECT has_database_privilege($1, 'box_office', 'CONNECT')", role
            )
            for role in ("stranger", *LOGINS)
        }
        connection.terminate()
    finally:
        await admin.execute("DROP ROLE stranger")
    assert may == {"stranger": False, **dict.fromkeys(LOGINS, True)}


async def test_migrations_at_once_grant_the_same(database: str) -> None:
    async def migrated() -> None:
        async with connected(as_role(database, OWNER)) as owner:
            await grant(owner)

    async with asyncio.TaskGroup() as group:
        for _ in range(6):
            group.create_task(migrated())
    async with connected(as_role(database, OWNER)) as owner:
        assert await differences(owner) == []
