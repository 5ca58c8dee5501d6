"""`box-office up` from outside: it survives its own death, runs once a directory, and tidies up."""

import asyncio
import json
import os
import signal
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from google.protobuf.json_format import MessageToDict
from temporalio.client import Client

from entrypoints.devstack.children import claim, free_port
from entrypoints.devstack.stack import Ports
from entrypoints.errors import StackError
from tests.support.patience import SOON
from tests.support.shell import all_end, box_office, exports, family, staying
from tests.unit.encryption.keys import NEW
from ticketing.ids import BookingId
from workflows.client import booking_handle
from workflows.encryption import data_converter

pytestmark = pytest.mark.timeout(150)  # a busy machine; 15 s on an idle one

PARTS = 9  # that listen on a port, beside Temporal and its Web UI
STARTED = "Ctrl-C stops everything"


@dataclass(frozen=True)
class Up:
    """A running `box-office up`, and how other terminals find it."""

    process: asyncio.subprocess.Process
    environment: dict[str, str]

    async def run(self, *arguments: str) -> tuple[int, Any]:
        """A command in another terminal: its exit code, and its JSON document."""
        code, text = await box_office(*arguments, "--json", environment=self.environment)
        return code, json.loads(text)

    async def place(self, concert: str, booking_id: str) -> datetime:
        code, decision = await self.run(
            *("place", "--concert", concert, "--client", "ann", "--seat", "1-1"),
            *("--id", booking_id),
        )
        assert (code, decision["status"]) == (0, "confirmed"), decision
        return datetime.fromisoformat(decision["expires_at"])

    async def ended(self, booking_id: str) -> str:
        client = await Client.connect(
            self.environment["TEMPORAL_ADDRESS"], data_converter=data_converter()
        )
        return (await booking_handle(client, BookingId(booking_id)).result()).status

    async def holder(self, concert: str) -> str | None:
        _, seats = await self.run("seats", concert)
        first: dict[str, str] = seats[0]
        return first.get("booking_id")

    async def kill_all(self) -> list[int]:
        """SIGKILL to every process, before one of them can react to the end of another."""
        os.kill(self.process.pid, signal.SIGSTOP)
        itself, *others = await family(self.process.pid)
        for pid in (*others, itself):
            with suppress(ProcessLookupError):  # a connection that was closed since
                os.kill(pid, signal.SIGKILL)
        await self.process.wait()
        return [itself, *others]


@asynccontextmanager
async def running_up(directory: Path, ports: Ports) -> AsyncIterator[Up]:
    command = _arguments(directory, ports)
    async with staying(*command, prints=STARTED, within=SOON) as (process, lines):
        yield Up(process, exports(lines))


def _arguments(directory: Path, ports: Ports) -> tuple[str, ...]:
    chosen = (("temporal", ports.temporal), ("ui", ports.ui), ("base", ports.postgres))
    options = ((f"--{name}-port", str(port)) for name, port in chosen)
    return ("up", "--data-dir", str(directory), *chain.from_iterable(options))


def ports_in_a_row(**chosen: int) -> Ports:
    """Free ports; from Postgres' on as many in a row as parts need them."""
    for base in range(20_000 + os.getpid() % 10_000, 60_000, PARTS):
        with suppress(StackError):
            for port in range(base, base + PARTS):
                free_port(port)
            return Ports(postgres=base, **chosen)
    raise AssertionError("no free ports")


async def test_bookings_end_as_they_should_after_everything_was_killed(tmp_path: Path) -> None:
    ports = ports_in_a_row()
    async with running_up(tmp_path, ports) as up:
        await up.place("concertA", "paid-later")
        deadline = await up.place("concertQuick", "unpaid")
        killed = await up.kill_all()
        assert datetime.now(UTC) < deadline, "not in the middle of the hold"
    assert len(killed) > 5  # itself, both servers, worker, consumers, and more of Postgres
    async with claim(tmp_path):  # each of them held the claim as well: they are gone
        await all_end(killed)

    async with running_up(tmp_path, ports) as up:
        assert await up.ended("unpaid") == "expired"
        assert await up.holder("concertQuick") is None
        code, payment = await up.run("pay", "paid-later")
        assert (code, payment["status"]) == (0, "applied"), payment
        assert await up.ended("paid-later") == "settled"
        assert await up.holder("concertA") == "paid-later"
        assert await up.run("verify") == (0, {"findings": []})


async def test_with_a_key_it_is_encrypted_and_the_web_ui_knows_where_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOX_OFFICE_PAYLOAD_KEYS", NEW)
    monkeypatch.setenv("BOX_OFFICE_CODEC_TOKEN", "of whoever may read")
    ports = ports_in_a_row()
    async with running_up(tmp_path, ports) as up, aiohttp.ClientSession() as browser:
        await up.place("concertA", "secret")
        client = await Client.connect(up.environment["TEMPORAL_ADDRESS"])
        history = await client.get_workflow_handle("booking-secret").fetch_history()
        (sent,) = history.events[0].workflow_execution_started_event_attributes.input.payloads
        assert b"ann" not in sent.SerializeToString()

        web_ui = f"http://127.0.0.1:{ports.ui}"
        async with browser.get(f"{web_ui}/api/v1/settings") as response:
            codec = (await response.json())["Codec"]["Endpoint"]
        question, headers = {"payloads": [MessageToDict(sent)]}, {"Origin": web_ui}
        async with browser.post(f"{codec}/decode", json=question, headers=headers) as response:
            assert response.status == 401
        headers["Authorization"] = "Bearer of whoever may read"
        async with browser.post(f"{codec}/decode", json=question, headers=headers) as response:
            (shown,) = (await response.json())["payloads"]
        assert json.loads(b64decode(shown["data"]))["client_id"] == "ann"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_everything(tmp_path: Path, number: signal.Signals) -> None:
    async with running_up(tmp_path, ports_in_a_row()) as up:
        everybody = await family(up.process.pid)
        second_code, second_output = await box_office(*_arguments(tmp_path, ports_in_a_row()))
        up.process.send_signal(number)
        output, _ = await up.process.communicate()
    assert second_code == 5
    assert f"{tmp_path} is in use by process {up.process.pid}" in second_output
    assert up.process.returncode == 0
    assert f"Stopped; {tmp_path} is kept." in output.decode()
    await all_end(everybody)


async def test_a_taken_port_is_refused_and_the_option_for_another_named(tmp_path: Path) -> None:
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with taken:
        port = taken.sockets[0].getsockname()[1]
        code, output = await box_office(*_arguments(tmp_path, ports_in_a_row(ui=port)))
    assert code == 5
    assert f"port {port} cannot be used: Address already in use" in output
    assert "choose another with --ui-port" in output
    assert not (tmp_path / "postgres").exists()
