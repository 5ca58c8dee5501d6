"""A SQLite file for one process; a commit survives a kill of the process or the machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection, Row, connect
from typing import Literal

PRAGMAS = """
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;  -- every commit waits for the disk
    PRAGMA foreign_keys = ON;
"""
# Takes the write lock before the first read, so nothing changes between a look and a write.
BEGIN = "BEGIN IMMEDIATE"


def open_database(directory: Path, name: Literal["ledger", "mail"]) -> Connection:
    """Open a database in a directory; create it if it is missing."""
    directory.mkdir(parents=True, exist_ok=True)
    database = connect(directory / f"{name}.sqlite3", isolation_level=None)
    database.row_factory = Row
    database.executescript(PRAGMAS + Path(__file__).with_name(f"{name}.sql").read_text())
    return database


@contextmanager
def transaction(database: Connection) -> Iterator[None]:
    with database:  # commits, or rolls back on an error
        database.execute(BEGIN)
        yield
