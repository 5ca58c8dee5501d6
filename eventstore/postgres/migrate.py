"""A database is migrated by files `NNNN_what.sql`: each runs once, in order, and never changes."""

import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from asyncpg import Connection

from eventstore.errors import DefectError

# Two migrators at once would both run the same file.
LOCK = "SELECT pg_advisory_xact_lock(hashtext('public.migration'))"

# Cannot live in a migration: it is what knows which migrations ran.
CREATE_TABLE = """
CREATE TABLE IF NOT EXISTS public.migration (
  name text PRIMARY KEY,
  checksum text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""

APPLIED = "SELECT name, checksum FROM public.migration"

# $1 name, $2 checksum
RECORD = "INSERT INTO public.migration (name, checksum) VALUES ($1, $2)"

_FILE_NAME = re.compile(r"\d{4}_\w+\.sql")


async def migrate(connection: Connection, directories: Sequence[Path]) -> Sequence[str]:
    """Apply what is missing, each file in a transaction of its own, and return their names.

    Safe to call from several processes at once. Directories are applied one after the other.

    Raises:
        DefectError: a file that was applied has changed, or a new one sorts before an applied one.
    """
    migrations = [migration for directory in directories for migration in _read(directory)]
    return [name for name, sql in migrations if await _apply(connection, name, sql)]


def _read(directory: Path) -> Sequence[tuple[str, str]]:
    """Return names, each unique over all directories (`eventstore/0001_log.sql`), and texts."""
    files = sorted(directory.resolve().glob("*.sql"))
    numbers = [file.name[:4] for file in files]
    if len(set(numbers)) < len(files) or not all(_FILE_NAME.fullmatch(file.name) for file in files):
        raise DefectError(f"{directory}: migrations are NNNN_what.sql, each number once")
    package = directory.resolve().parent.name
    return [(f"{package}/{file.name}", file.read_text("utf-8")) for file in files]


async def _apply(connection: Connection, name: str, sql: str) -> bool:
    checksum = sha256(sql.encode()).hexdigest()
    async with connection.transaction(isolation="read_committed"):
        await connection.execute(LOCK)
        await connection.execute(CREATE_TABLE)
        applied: dict[str, str] = {
            row["name"]: row["checksum"] for row in await connection.fetch(APPLIED)
        }
        if name in applied:
            if applied[name] != checksum:
                raise DefectError(f"{name} changed after it was applied; add a new file")
            return False
        package = name.partition("/")[0]
        newest = max((other for other in applied if other.startswith(f"{package}/")), default="")
        if newest > name:
            raise DefectError(f"{name} comes too late: {newest} is applied already")
        await connection.execute(sql)
        await connection.execute(RECORD, name, checksum)
    return True
