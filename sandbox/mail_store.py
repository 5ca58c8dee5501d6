"""The received mail in a SQLite file; an accepted message survives a kill."""

from collections.abc import Sequence
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from sqlite3 import Connection

from pydantic import BaseModel

from sandbox.database import transaction

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


def keep(database: Connection, recipients: Sequence[str], content: bytes) -> None:
    """Store a copy for each recipient; it is on disk when this returns."""
    booking = _parsed(content)["X-Box-Office-Booking"]
    copies = [{"recipient": to, "booking": booking, "content": content} for to in recipients]
    with transaction(database):
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
