"""`box-office replay`: would the code installed here go on with what there is on the server?"""

import json
from typing import Any

import pytest
from temporalio.client import Client

from entrypoints.cli import replay as replay_command
from entrypoints.drill.versions import VERSIONS
from entrypoints.settings import Settings
from entrypoints.temporal import worker
from entrypoints.wiring import BoxOffice
from tests.support.builders import place
from tests.support.provider import Provider
from tests.support.stage import PATIENCE, captured
from tests.support.terminal import Ran, run
from tests.support.waiting import eventually
from ticketing.ids import BookingId
from workflows.client import OrchestratedBookingProcess

B1, B2 = BookingId("b1"), BookingId("b2")
CHANGED_CODE = VERSIONS["2"]


@pytest.fixture
def servers(servers: Settings, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("BOX_OFFICE_PROVIDER_URL", provider.url)
    return Settings()


@pytest.fixture
def process(client: Client, servers: Settings) -> OrchestratedBookingProcess:
    return OrchestratedBookingProcess(client, servers.task_queue, patience=PATIENCE)


async def replayed(since: str, *, code: int = 0) -> Any:
    ran = await run("replay", "--since", since, "--json")
    assert ran.exit_code == code, ran
    return json.loads(ran.stdout)


async def test_what_ran_on_this_code_goes_on_with_it(
    process: OrchestratedBookingProcess,
    client: Client,
    servers: Settings,
    parts: BoxOffice,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with worker(client, servers, parts):
        await process.place(place(B1, "1-1"))
        await process.pay((await captured(parts.provider, B1)).report())
        await process.place(place(B2, "1-2"))  # is still open
    monkeypatch.setattr(replay_command, "TOLD_EVERY", 2)
    assert await run("replay", "--since", "1h") == Ran(
        0, "3 processes replayed: this code goes on with every one\n", "replayed 2 of 3\n"
    )
    assert await replayed("1d") == {"replayed": 3, "deviations": []}


async def test_what_ran_on_other_code_is_named_with_the_reason(
    process: OrchestratedBookingProcess, client: Client, servers: Settings, parts: BoxOffice
) -> None:
    async with worker(client, servers, parts, workflows=CHANGED_CODE):
        await process.place(place(B1, "1-1"))
    async with worker(client, servers, parts):
        await process.place(place(B2, "1-2"))
    told = (await replayed("1h", code=6))["error"]
    (deviation,) = told["deviations"]
    assert deviation["workflow_id"] == "booking-b1"
    assert deviation["reason"].startswith("[TMPRL1100] Nondeterminism error: ")
    assert "Failure {" not in deviation["reason"]
    assert told["message"] == (
        f"booking-b1 would fail: {deviation['reason']}\n1 of 2 processes would fail on this code"
    )


async def test_what_ended_before_is_left_out_and_what_is_open_never_is(
    process: OrchestratedBookingProcess, client: Client, servers: Settings, parts: BoxOffice
) -> None:
    async with worker(client, servers, parts):
        await process.place(place(B1, "1-1"))
        await process.place(place(B2, "1-2"))
        await process.cancel(B1, "ill")

    async def one_is_left() -> bool:
        return bool((await replayed("1s"))["replayed"] == 1)

    await eventually(one_is_left, "a second has passed")
    assert (await replayed("1h"))["replayed"] == 2
