"""The sandbox's mail server as a process of its own."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from pydantic import BaseModel, TypeAdapter

from entrypoints.devstack.children import Child, child, claim, free_port
from entrypoints.devstack.servers import until_ready
from entrypoints.settings import LOOPBACK
from tests.support.waiting import eventually


class Message(BaseModel):
    to: str
    subject: str
    date: str
    text: str
    headers: dict[str, str]


MESSAGES = TypeAdapter(list[Message])


@dataclass(frozen=True, slots=True)
class MailSink:
    """A running server; after `process.stop()` it is down."""

    process: Child
    smtp_url: str
    http_url: str
    http: aiohttp.ClientSession

    async def messages(self, **query: str) -> list[Message]:
        """All of them, or those `to=` an address and about a `booking=`; the newest last."""
        async with self.http.get("/messages", params=query) as response:
            return MESSAGES.validate_json(await response.read())

    async def plan(self, **faults: int) -> None:
        """`silent=n`: the next n messages get no answer; `refuse=n`: a 451."""
        async with self.http.put("/faults", json=faults):
            pass

    async def until_silent(self) -> None:
        """Returns when the planned silences have begun: somebody waits for each."""

        async def begun() -> bool:
            async with self.http.get("/faults") as response:
                return not (await response.json())["silent"]

        await eventually(begun, "somebody waits")


@asynccontextmanager
async def mail_sink_in(directory: Path) -> AsyncIterator[MailSink]:
    """The server, with what an earlier one left in the directory."""
    smtp_port, http_port = free_port(), free_port()
    command = ("-m", "sandbox.mail", "--data-dir", str(directory / "mail"))
    ports = ("--smtp-port", str(smtp_port), "--http-port", str(http_port))
    http_url = f"http://{LOOPBACK}:{http_port}"
    async with (
        aiohttp.ClientSession(http_url, raise_for_status=True) as http,
        claim(directory) as home,
        child(home, "mail", (sys.executable, *command, *ports)) as process,
    ):

        async def healthy() -> None:
            async with http.get("/health"):
                pass

        await until_ready(process, healthy)
        yield MailSink(process, f"smtp://{LOOPBACK}:{smtp_port}", http_url, http)
