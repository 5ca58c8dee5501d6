"""The received mail in a SQLite file; an accepted message survives a kill."""

from collections.abc import Sequence
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from sqlite3 import Connection, connect

from pydantic import BaseModel

WAL = "PRAGMA journal_mode = WAL"
DURABLE = "PRAGMA synchronous = FULL"  # every commit waits for the disk
SCHEMA = """
    CREATE TABLE IF NOT EXISTS messages (
        position  INTEGER PRIMARY KEY AUTOINCREMENT,
        recipient TEXT NOT NULL,
        booking   TEXT,  -- the sender's own header
        content   BLOB NOT NULL
    ) STRICT
"""
# :recipient, :booking, :content
ADD = """
    INSERT INTO messages (recipient, booking, content) VALUES (:recipient, :booking, :content)
"""
# :to, :booking; NULL is any
FIND = """
    SELECT recipient, content FROM messages
    WHERE (:to IS NULL OR recipient = :to) AND (:booking IS NULL OR booking = :booking)
    ORDER BY position
"""


class Message(BaseModel):
    """A message as its reader sees it, with the last value of a repeated header."""

    to: str
    subject: str
    date: str
    text: str
    headers: dict[str, str]


def open_store(directory: Path) -> Connection:
    """Open the mail in a directory; create it if it is missing."""
    directory.mkdir(parents=True, exist_ok=True)
    database = connect(directory / "mail.sqlite3", isolation_level=None)
    for statement in (WAL, DURABLE, SCHEMA):
        database.execute(statement)
    return database


def keep(database: Connection, recipients: Sequence[str], content: bytes) -> None:
    """Store a copy for each recipient; it is on disk when this returns."""
    booking = _parsed(content)["X-Box-Office-Booking"]
    copies = [{"recipient": to, "booking": booking, "content": content} for to in recipients]
    with database:
        database.execute("BEGIN IMMEDIATE")
        database.executemany(ADD, copies)


def find(database: Connection, *, to: str | None, booking: str | None) -> list[Message]:
    """Return messages, the newest last."""
    rows = database.execute(FIND, {"to": to, "booking": booking})
    return [_message(recipient, _parsed(content)) for recipient, content in rows]


def _message(recipient: str, parsed: EmailMessage) -> Message:
    body = parsed.get_body(("plain",))
    return Message(
        to=recipient,
        subject=parsed["Subject"] or "",
        date=parsed["Date"] or "",
        text=body.get_content().replace("\r\n", "\n") if body else "",
        headers=dict(parsed.items()),
    )


def _parsed(content: bytes) -> EmailMessage:
    return message_from_bytes(content, policy=default)
