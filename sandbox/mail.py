"""A mail server that keeps every message for people and tests to read.

`python -m sandbox.mail --smtp-port N --http-port M --data-dir D`, on the loopback device unless
`--host` says otherwise.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import Annotated

from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field

from sandbox import server
from sandbox.database import open_database, transaction

KEPT = "250 2.0.0 kept"
NOT_NOW = "451 4.3.0 not now"

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

routes = APIRouter()


class Faults(BaseModel):
    """How many of the next messages get no answer, and how many after these are refused."""

    model_config = ConfigDict(extra="forbid")

    silent: int = Field(default=0, ge=0)
    refuse: int = Field(default=0, ge=0)


class PostOffice:
    """The state that SMTP and HTTP share; aiosmtpd calls `handle_DATA` with each message."""

    def __init__(self, database: Connection) -> None:
        self.database = database
        self.faults = Faults()

    async def handle_DATA(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.faults.silent:
            self.faults.silent -= 1
            await asyncio.Event().wait()  # until the client hangs up
        if self.faults.refuse:
            self.faults.refuse -= 1
            return NOT_NOW
        assert isinstance(envelope.content, bytes)
        keep(self.database, envelope.rcpt_tos, envelope.content)
        return KEPT


async def _office(request: Request) -> PostOffice:
    office: PostOffice = request.app.state.office
    return office


InOffice = Annotated[PostOffice, Depends(_office)]


@routes.get("/messages")
async def messages(
    office: InOffice, to: str | None = None, booking: str | None = None
) -> list[dict[str, object]]:
    return find(office.database, to=to, booking=booking)


@routes.get("/faults")
async def planned_faults(office: InOffice) -> Faults:
    return office.faults


@routes.put("/faults")
async def plan_faults(office: InOffice, faults: Faults) -> Faults:
    office.faults = faults
    return faults


def mail_server(directory: Path, host: str, smtp_port: int) -> FastAPI:
    """Run the mail server with its mail in a directory of its own."""

    @asynccontextmanager
    async def open_office(app: FastAPI) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        with closing(open_database(directory, "mail")) as database:
            app.state.office = office = PostOffice(database)
            smtp = partial(SMTP, office, hostname="localhost", loop=loop)
            listener = await loop.create_server(smtp, host, smtp_port)
            with closing(listener):
                yield

    app = FastAPI(title="Sandbox mail server", lifespan=open_office)
    app.include_router(routes)
    return app


def keep(database: Connection, recipients: Sequence[str], content: bytes) -> None:
    """Store a copy for each recipient; it is on disk when this returns."""
    booking = _parsed(content)["X-Box-Office-Booking"]
    copies = [{"recipient": to, "booking": booking, "content": content} for to in recipients]
    with transaction(database):
        database.executemany(ADD, copies)


def find(database: Connection, *, to: str | None, booking: str | None) -> list[dict[str, object]]:
    """Return messages, the newest last, with the last value of a repeated header."""
    rows = database.execute(FIND, {"to": to, "booking": booking})
    return [_message(recipient, _parsed(content)) for recipient, content in rows]


def _message(recipient: str, parsed: EmailMessage) -> dict[str, object]:
    body = parsed.get_body(("plain",))
    return {
        "to": recipient,
        "subject": parsed["Subject"] or "",
        "date": parsed["Date"] or "",
        "text": body.get_content().replace("\r\n", "\n") if body else "",
        "headers": {name: str(value) for name, value in parsed.items()},
    }


def _parsed(content: bytes) -> EmailMessage:
    return message_from_bytes(content, policy=default)


def main() -> None:
    parser = server.parser("mail", __doc__)
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    options = parser.parse_args()
    app = mail_server(options.data_dir, options.host, options.smtp_port)
    server.serve(app, options.host, options.http_port)


if __name__ == "__main__":
    main()
