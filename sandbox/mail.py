"""A mail server that keeps every message for people and tests to read.

`python -m sandbox.mail --smtp-port N --http-port M --data-dir D`, on the loopback device unless
`--host` says otherwise.
"""

import asyncio
import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import Annotated

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field

from sandbox import mail_store
from sandbox.mail_store import Message, open_store

LOOPBACK = "127.0.0.1"
GRACE_SECONDS = 2  # the time that open requests get when the server stops
KEPT = "250 2.0.0 kept"
NOT_NOW = "451 4.3.0 not now"

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
        mail_store.keep(self.database, envelope.rcpt_tos, envelope.content)
        return KEPT


async def _office(request: Request) -> PostOffice:
    office: PostOffice = request.app.state.office
    return office


InOffice = Annotated[PostOffice, Depends(_office)]


@routes.get("/messages")
async def messages(
    office: InOffice, to: str | None = None, booking: str | None = None
) -> list[Message]:
    return mail_store.find(office.database, to=to, booking=booking)


@routes.get("/faults")
async def planned_faults(office: InOffice) -> Faults:
    return office.faults


@routes.put("/faults")
async def plan_faults(office: InOffice, faults: Faults) -> Faults:
    office.faults = faults
    return faults


@routes.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


def mail_server(directory: Path, host: str, smtp_port: int) -> FastAPI:
    """Run the mail server with its mail in a directory of its own."""

    @asynccontextmanager
    async def open_office(app: FastAPI) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        with closing(open_store(directory)) as database:
            app.state.office = office = PostOffice(database)
            smtp = partial(SMTP, office, hostname="localhost", loop=loop)
            listener = await loop.create_server(smtp, host, smtp_port)
            with closing(listener):
                yield

    app = FastAPI(title="Sandbox mail server", lifespan=open_office)
    app.include_router(routes)
    return app


def main() -> None:
    options = _options()
    # uvicorn shuts down and then raises the signal again, which is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    uvicorn.run(
        mail_server(options.data_dir, options.host, options.smtp_port),
        host=options.host,
        port=options.http_port,
        ws="none",
        log_level="warning",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _options() -> Namespace:
    parser = ArgumentParser(prog="python -m sandbox.mail", description=__doc__)
    parser.add_argument("--host", default=LOOPBACK, help="where both listen")
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
