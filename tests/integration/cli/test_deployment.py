"""`box-office deployment` on the real server, with workers of several versions."""

import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import VersioningBehavior
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from entrypoints.drill.versions import VERSIONS
from entrypoints.settings import Settings, WorkerVersion
from entrypoints.temporal import WORKFLOWS, worker
from entrypoints.wiring import BoxOffice
from tests.support.builders import place
from tests.support.stage import PATIENCE
from tests.support.terminal import run
from tests.support.waiting import insist
from ticketing.booking.rejections import BookingAlreadyExists
from ticketing.ids import BookingId
from ticketing.notifications.api import Notification
from ticketing.notifications.postgres import PostgresNotifier
from workflows.client import OrchestratedBookingProcess, booking_handle, start_booking

NAME = "tickets"
B1, B2 = BookingId("b1"), BookingId("b2")
OTHER_CODE = VERSIONS["2"]


class Office:
    """Workers of versions on the test's servers, and their clients."""

    def __init__(self, client: Client, settings: Settings, parts: BoxOffice) -> None:
        self.client, self.settings, self.parts = client, settings, parts
        self.process = OrchestratedBookingProcess(client, settings.task_queue, patience=PATIENCE)

    def worker(
        self, build_id: str, workflows: Sequence[type] = WORKFLOWS
    ) -> AbstractAsyncContextManager[Worker]:
        version = WorkerVersion(deployment_name=NAME, worker_build_id=build_id)
        return worker(self.client, self.settings, self.parts, version=version, workflows=workflows)

    async def place(self, booking_id: BookingId, seat: str) -> None:
        assert (await self.process.place(place(booking_id, seat))).status == "confirmed"

    async def version_of(self, booking_id: BookingId) -> tuple[str, str]:
        described = await booking_handle(self.client, booking_id).describe()
        info = described.raw_description.workflow_execution_info.versioning_info
        behavior = VersioningBehavior.Name(info.behavior).removeprefix("VERSIONING_BEHAVIOR_")
        return behavior.lower(), info.deployment_version.build_id


@pytest.fixture
async def office(
    client: Client, servers: Settings, parts: BoxOffice, monkeypatch: pytest.MonkeyPatch
) -> Office:
    monkeypatch.setenv("TEMPORAL_DEPLOYMENT_NAME", NAME)

    async def send(_: Notification) -> None:
        """Nothing on stdout, which is the commands'."""

    own = replace(parts, notifier=PostgresNotifier(parts.pool, send))
    return Office(client, servers, own)


async def deployment(*arguments: str, code: int = 0) -> Any:
    ran = await run("deployment", *arguments, "--json")
    assert ran.exit_code == code, ran
    return json.loads(ran.stdout)


async def set_current(office: Office, build_id: str) -> None:
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=office.client.namespace, deployment_name=NAME, build_id=build_id
    )
    service = office.client.workflow_service
    # The server may not know all of the version yet.
    await insist(lambda: service.set_worker_deployment_current_version(request), RPCError)


async def test_a_booking_ends_on_the_version_that_it_began_on_which_drains_then(
    office: Office,
) -> None:
    async with office.worker("1"), office.worker("2", OTHER_CODE):
        await set_current(office, "1")
        await office.place(B1, "1-1")
        refused = await deployment("drain", "1", code=3)
        assert "1 is current: first make another version current" in refused["error"]["message"]

        await set_current(office, "2")
        await office.place(B2, "1-2")
        await office.process.cancel(B2, "ill")
        draining = asyncio.create_task(run("deployment", "drain", "1"))
        await office.process.cancel(B1, "ill")

        drained = await draining
        assert (drained.exit_code, drained.stdout) == (
            0,
            "1 is drained: nothing is open there, its workers can be stopped\n",
        )
        assert [await office.version_of(booking) for booking in (B1, B2)] == [
            ("pinned", "1"),
            ("pinned", "2"),
        ]


async def test_what_does_not_exist_is_not_found(office: Office) -> None:
    async with office.worker("1"):
        await set_current(office, "1")
        for arguments in (("drain", "9"), ("move", "1", "9"), ("move", "9", "1")):
            told = (await deployment(*arguments, code=4))["error"]
            assert (told["id"], told["message"]) == ("tickets:9", "there is no version tickets:9")
        told = (await deployment("drain", "1", "--deployment", "typo", code=4))["error"]
        assert told["message"] == "there is no deployment typo"


async def test_open_bookings_are_moved_to_another_version_that_can_go_on_with_them(
    office: Office,
) -> None:
    async with office.worker("1"), office.worker("2"):
        await set_current(office, "1")
        await office.place(B1, "1-1")
        await set_current(office, "2")
        assert await deployment("move", "1", "2") == {"moved": ["booking-b1"], "deviations": []}
        assert (await run("deployment", "drain", "1")).exit_code == 0  # no step was needed
        await office.process.cancel(B1, "ill")
        assert await office.version_of(B1) == ("pinned", "2")


async def test_a_booking_that_would_fail_on_this_code_is_not_moved_but_can_begin_again(
    office: Office,
) -> None:
    async with office.worker("1", OTHER_CODE), office.worker("2"):
        await set_current(office, "1")
        await office.place(B1, "1-1")
        await set_current(office, "2")
        told = (await deployment("move", "1", "2", code=6))["error"]
        assert (told["moved"], told["deviations"][0]["workflow_id"]) == ([], "booking-b1")
        assert "booking-b1 would fail: " in told["message"]
        assert "0 moved from 1 to 2, 1 stay" in told["message"]
        assert await office.version_of(B1) == ("pinned", "1")
        await booking_handle(office.client, B1).terminate()
        assert (await run("restart-processes")).exit_code == 0
        await office.process.cancel(B1, "ill")
        assert await office.version_of(B1) == ("pinned", "2")


async def test_ctrl_c_stops_waiting(office: Office) -> None:
    async with office.worker("1"), office.worker("2"):
        await set_current(office, "1")
        await office.place(B1, "1-1")
        await set_current(office, "2")
        drain = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "entrypoints.cli", "deployment", "drain", "1"),
            stderr=asyncio.subprocess.PIPE,
        )
        assert drain.stderr
        assert await drain.stderr.readline() == b"1 is draining: 1 open\n"
        drain.send_signal(signal.SIGINT)
        assert (await drain.communicate())[1] == b""
        assert drain.returncode == 130
        await office.process.cancel(B1, "ill")


async def test_the_same_request_is_answered_after_the_version_of_its_process_is_gone(
    office: Office,
) -> None:
    async with office.worker("1"):
        await set_current(office, "1")
        # as the process starter does: no request of a client belongs to it
        await start_booking(office.client, office.settings.task_queue, place(B1, "1-1"))
        await office.process.cancel(B1, "ill")
    async with office.worker("2"):
        await set_current(office, "2")
        impatient = OrchestratedBookingProcess(
            office.client, office.settings.task_queue, patience=timedelta(seconds=6)
        )
        assert (await impatient.place(place(B1, "1-1"))).status == "cancelled"
        other = await impatient.place(place(B1, "1-2"))
        assert other.rejection == BookingAlreadyExists()


async def test_what_began_on_unversioned_workers_goes_on_on_the_current_version(
    office: Office,
) -> None:
    async with worker(office.client, office.settings, office.parts):
        await office.place(B1, "1-1")
    async with office.worker("1"):
        await set_current(office, "1")
        await office.process.cancel(B1, "ill")
        assert await office.version_of(B1) == ("pinned", "1")
