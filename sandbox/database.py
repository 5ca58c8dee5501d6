"""A SQLite file for one process; a commit survives a kill of the process or the machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection, Row, connect

SCHEMA = Path(__file__).with_name("schema.sql")
WAL = "PRAGMA journal_mode = WAL"
DURABLE = "PRAGMA synchronous = FULL"  # every commit waits for the disk
CHECKED = "PRAGMA foreign_keys = ON"
# Takes the write lock before the first read, so nothing changes between a look and a write.
BEGIN = "BEGIN IMMEDIATE"


def open_database(directory: Path) -> Connection:
    """Open the ledger in a directory; create it if it is missing."""
    directory.mkdir(parents=True, exist_ok=True)
    database = connect(directory / "ledger.sqlite3", isolation_level=None)
    database.row_factory = Row
    for pragma in (WAL, DURABLE, CHECKED):
        database.execute(pragma)
    database.executescript(SCHEMA.read_text())
    return database


@contextmanager
def transaction(database: Connection) -> Iterator[None]:
    with database:  # commits, or rolls back on an error
        database.execute(BEGIN)
        yield
