"""The roles of our programs in the database; `roles.toml` says what each may do there.

`grant` is a part of every migration, by the owner. `admit` is an administrator's: it makes the
roles, lets them log in, and hands the database to the owner.
"""

import tomllib
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import pbkdf2_hmac, sha256
from hmac import digest
from pathlib import Path
from secrets import token_bytes

import asyncpg
from asyncpg import Connection
from pydantic import BaseModel, ConfigDict, SecretStr

Role = str  # as in roles.toml: worker, consumer ...


class Grid(BaseModel):
    """What is written in `roles.toml`; a verb that is missing there is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    programs: dict[Role, str]
    members: dict[Role, tuple[Role, ...]]
    functions: dict[str, tuple[Role, ...]]
    tables: dict[str, dict[Role, str]]

    @property
    def schemas(self) -> Sequence[str]:
        return sorted({name.partition(".")[0] for name in (*self.tables, *self.functions)})

    def users_of(self, schema: str) -> Sequence[Role]:
        """Return the roles that may do something in a schema."""
        rights = [*self.tables.items(), *self.functions.items()]
        return sorted({role for name, roles in rights if _is_in(schema, name) for role in roles})


GRID = Grid.model_validate(tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8")))
OWNER = "box_office_owner"  # migrates; everything of ours belongs to it or to es_owner
OF_THE_LOG = ("es_owner", "es_writer", "es_consumer")  # as its first migration makes them

# Two that grant at once would both change the same rows of the catalog, and one would fail.
LOCK = "SELECT pg_advisory_xact_lock(hashtext('entrypoints.roles'))"

SCRAM_ITERATIONS = 4096  # Postgres' own default

MISSING = "SELECT name FROM unnest($1::text[]) AS name WHERE to_regrole(name) IS NULL"

# $1 role; NULL: the one that asks, $2 the role whose rights it gets
JOIN = """
SELECT format('GRANT %I TO %I', $2::text, member)
  FROM coalesce($1::text, current_user) AS member
 WHERE NOT pg_has_role(member, $2::text, 'USAGE')
"""

# $1 role, $2 verifier of its password
LET_IN = "SELECT format('ALTER ROLE %I LOGIN PASSWORD %L', $1::text, $2::text)"

# $1 owner, $2 roles
HAND_OVER_DATABASE = """
SELECT format('ALTER DATABASE %I OWNER TO %I', current_database(), $1::text)
 UNION ALL
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database())
 UNION ALL
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), role)
  FROM unnest($2::text[]) AS role
"""

# What an earlier migration made as somebody else. $1 owner, $2 schemas
HAND_OVER_OBJECTS = """
WITH ours AS (SELECT oid FROM pg_namespace WHERE nspname = ANY ($2::text[])),
     owned AS (
       SELECT 'SCHEMA' AS kind, oid::regnamespace::text AS name, nspowner AS owner
         FROM pg_namespace JOIN ours USING (oid)
        UNION ALL
       SELECT CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, oid::regclass::text, relowner
         FROM pg_class
        WHERE relkind IN ('r', 'v')
          AND (relnamespace IN (TABLE ours) OR oid = to_regclass('public.migration'))
        UNION ALL
       SELECT 'FUNCTION', oid::regprocedure::text, proowner
         FROM pg_proc WHERE pronamespace IN (TABLE ours))
SELECT format('ALTER %s %s OWNER TO %I', kind, name, $1::text)
  FROM owned
 WHERE owner NOT IN ($1::text::regrole, 'es_owner'::regrole)
"""


def name_of(role: Role) -> str:
    """Return what a role is called in the database."""
    return f"box_office_{role}"


ROLES = tuple(map(name_of, GRID.programs))  # none but the owner owns anything
LOGINS = (OWNER, *ROLES)


async def grant(connection: Connection) -> None:
    """Let each role do what the grid says and nothing else; the owner runs it.

    Raises:
        InsufficientPrivilegeError: we are not the owner, or a role is missing and not ours to make.
    """
    await _make(connection, ROLES)
    async with connection.transaction():
        await connection.execute(LOCK)
        for statement in grants(GRID):
            await connection.execute(statement)


async def admit(connection: Connection, passwords: Mapping[str, SecretStr]) -> None:
    """Let our programs in, and hand the database to the owner; an administrator runs it.

    Safe to repeat: it changes passwords, and keeps whatever is stored.

    Args:
        connection: to the box office's own database.
        passwords: of roles by their names in the database. A role without one cannot log in.
    """
    await _make(connection, (*OF_THE_LOG, *LOGINS))
    async with connection.transaction():
        await connection.execute(LOCK)
        for role, password in passwords.items():
            await _run(connection, LET_IN, role, verifier(password.get_secret_value()))
        await _run(connection, JOIN, OWNER, "es_owner")
        await _run(connection, JOIN, None, OWNER)
        await _run(connection, HAND_OVER_DATABASE, OWNER, list(ROLES))
        await _run(connection, HAND_OVER_OBJECTS, OWNER, list(GRID.schemas))


def verifier(password: str) -> str:
    """Return what Postgres stores of a password; the password itself would be in its logs.

    The password is of ASCII characters. The form is that of `src/common/scram-common.c`.
    """
    salt = token_bytes(16)
    salted = pbkdf2_hmac("sha256", password.encode("ascii"), salt, SCRAM_ITERATIONS)
    client_key = digest(salted, b"Client Key", "sha256")
    keys = (salt, sha256(client_key).digest(), digest(salted, b"Server Key", "sha256"))
    of_salt, stored_key, server_key = (b64encode(key).decode() for key in keys)
    return f"SCRAM-SHA-256${SCRAM_ITERATIONS}:{of_salt}${stored_key}:{server_key}"


def grants(grid: Grid) -> Iterator[str]:
    """Yield the statements that make the database's rights those of a grid."""
    everybody = _list(("PUBLIC", *ROLES, *OF_THE_LOG[1:]))
    for schema in grid.schemas:
        yield f"REVOKE ALL ON SCHEMA {schema} FROM {everybody}"
        for kind in ("TABLES", "SEQUENCES", "ROUTINES"):
            yield f"REVOKE ALL ON ALL {kind} IN SCHEMA {schema} FROM {everybody}"
        yield f"GRANT USAGE ON SCHEMA {schema} TO {_list(map(name_of, grid.users_of(schema)))}"
    for function, roles in grid.functions.items():
        yield f"GRANT EXECUTE ON FUNCTION {function} TO {_list(map(name_of, roles))}"
    for table, verbs_of in grid.tables.items():
        for role, verbs in verbs_of.items():
            yield f"GRANT {verbs} ON {table} TO {name_of(role)}"


async def _make(connection: Connection, roles: Sequence[str]) -> None:
    """Make the roles that are missing; other databases of the cluster may do so at this moment."""
    for row in await connection.fetch(MISSING, list(roles)):
        with suppress(asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):  # of the faster
            await connection.execute(f"CREATE ROLE {row['name']}")
    for role, others in GRID.members.items():
        for other in others:
            await _run(connection, JOIN, name_of(role), name_of(other))


async def _run(connection: Connection, makes_statements: str, *binds: object) -> None:
    for (statement,) in await connection.fetch(makes_statements, *binds):
        await connection.execute(statement)


def _is_in(schema: str, name: str) -> bool:
    return name.startswith(f"{schema}.")


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
