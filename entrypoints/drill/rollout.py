"""What `make deploy-drill` does: three versions are rolled out while bookings are in flight.

Version 1 is the code of this checkout; versions.py has the others. Whatever is told is
looked up in Temporal and in Postgres, and checked.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from entrypoints.cli.deployment import Deployment
from entrypoints.cli.replay import OURS, replay_all
from entrypoints.demo.narrator import head, say, show
from entrypoints.demo.story import LOOK_EVERY, PATIENCE, check, come_true, stage, verify
from entrypoints.devstack.children import Child, Home
from entrypoints.devstack.examples import put_on_sale
from entrypoints.devstack.servers import temporal_binary
from entrypoints.devstack.stack import Program, Stack
from entrypoints.drill.bookings import CONCERTS, Bookings
from entrypoints.drill.versions import VERSIONS
from entrypoints.settings import LOOPBACK, Settings
from entrypoints.temporal import WORKFLOWS
from ticketing.booking.commands import PlaceBooking

Old = dict[str, list[PlaceBooking]]  # by what their clients do
NAME = "box-office"
NONDETERMINISM = "ondeterminis"  # as the SDK and the server spell it
FAILING = "ExecutionStatus = 'Running' AND TemporalReportedProblems IS NOT NULL"


@dataclass
class Drill:
    """The stack, its versions, their workers and the bookings that the steps work with."""

    running: Stack
    deployment: Deployment
    bookings: Bookings
    size: int  # bookings in flight on version 1
    workers: dict[str, Child] = field(default_factory=dict)

    async def temporal(self, *arguments: str) -> str | None:
        """Run the `temporal` command and return its output; None if it failed."""
        ports, client = self.running.ports, self.running.client
        running = await asyncio.create_subprocess_exec(
            temporal_binary(),
            *(*arguments, "--namespace", client.namespace, "--disable-config-file"),
            *("--address", f"{LOOPBACK}:{ports.temporal}"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        output = (await running.communicate())[0].decode()
        return output if running.returncode == 0 else None

    async def route(self, command: str, *arguments: str) -> None:
        """Change which version gets new processes, as soon as the server knows the version."""
        words = ("worker", "deployment", command, "--deployment-name", NAME, "--yes", *arguments)

        async def changed() -> bool:
            return await self.temporal(*words) is not None

        await come_true(f"whether {command} was possible", changed, True)

    async def start(self, build_id: str) -> None:
        """Start a worker of a version."""
        worker = ("entrypoints.cli", "worker") if build_id == "1" else ("entrypoints.drill.worker",)
        version = {"TEMPORAL_DEPLOYMENT_NAME": NAME, "TEMPORAL_WORKER_BUILD_ID": build_id}
        self.workers[build_id] = await self.running.running.enter_async_context(
            self.running.run(f"worker-{build_id}", Program(("-m", *worker), environment=version))
        )

    async def stop_drained(self, build_id: str) -> None:
        """Wait until nothing is open on a version, and stop its worker."""
        await come_true(f"version {build_id}", lambda: self.deployment.status(build_id), "drained")
        check(f"the exit code of worker {build_id}", await self.workers[build_id].stop(), 0)
        say(f"-> [bold]nothing is open on {build_id} any more; its worker is stopped[/bold]")

    async def show_status(self) -> None:
        """Show the versions as `temporal` does."""
        show(await self.temporal("worker", "deployment", "describe", "--name", NAME) or "")


async def tell(home: Home, *, size: int) -> None:
    """Carry out the whole drill on a stack in a fresh home.

    Raises:
        NotAsTold: something else happened than the drill tells.
        InvariantsBroken: the verification has findings.
    """
    settings = Settings(process="orchestrated", client_patience_seconds=PATIENCE.total_seconds())
    async with stage(home, settings) as (running, parts):
        show(f"The versions are to be seen in the Web UI: {running.ui_url}")
        await running.stop("worker")  # which is unversioned
        bookings = Bookings(running.client, parts, running.settings)
        await put_on_sale(parts, CONCERTS)
        drill = Drill(running, Deployment(running.client, NAME), bookings, size)
        old = await _version_1(drill)
        new = await _ramp_2(drill)
        await _end_old(drill, old, new)
        await _version_3(drill, new)
        await _all_well(drill)
        await verify(parts)


async def _version_1(drill: Drill) -> Old:
    head(f"1. Version 1 is current, and {drill.size} bookings are in flight")
    await drill.start("1")
    await drill.route("set-current-version", "--build-id", "1")
    fifth = drill.size // 5
    old = {
        "pay": await drill.bookings.place("paying", drill.size - 2 * fifth, ends="settled"),
        "cancel": await drill.bookings.place("cancelling", fifth, ends="cancelled"),
        "expire": await drill.bookings.place("idle", fifth, ends="expired"),
    }
    await come_true("open on 1", lambda: drill.deployment.open_processes("1"), drill.size)
    say(
        f"-> [bold]{drill.size} bookings are confirmed and wait for payment[/bold]: "
        f"{len(old['pay'])} will pay, {fifth} will cancel, {fifth} will do nothing and expire."
    )
    return old


async def _ramp_2(drill: Drill) -> list[PlaceBooking]:
    head("2. Version 2, which works in another way, is rolled out")
    await drill.start("2")
    say("It has one more step: it reads the booking from the log before it reserves.")
    replayed = await replay_all(
        drill.running.client, drill.deployment.open_on("1"), workflows=VERSIONS["2"]
    )
    check("what could go on on 2", replayed.replayed - len(replayed.deviations), 0)
    say(
        f"None of the {replayed.replayed} bookings in flight could go on on its code (replayed); "
        "pinned to version 1, they need not."
    )
    await drill.route("set-ramping-version", "--build-id", "2", "--percentage", "50")
    ramped = await drill.bookings.place("ramped", drill.size // 5, ends="settled")
    share = Counter((await drill.bookings.versions(ramped)).values())
    check("the versions of new bookings", set(share), {"1", "2"})
    say(
        f"-> [bold]ramp to 50 %: of {len(ramped)} new bookings, {share['2']} began on 2, "
        f"{share['1']} on 1[/bold]"
    )
    await drill.route("set-current-version", "--build-id", "2")
    late = await drill.bookings.place("late", drill.size // 10, ends="settled")
    began_on = set((await drill.bookings.versions(late)).values())
    check("the versions of new bookings", began_on, {"2"})
    say(f"-> [bold]2 is current: all of {len(late)} new bookings began there[/bold]")
    await drill.show_status()
    return [*ramped, *late]


async def _end_old(drill: Drill, old: Old, new: list[PlaceBooking]) -> None:
    head("3. The old bookings end on version 1, which drains")
    everyone = [*old["pay"], *old["cancel"], *old["expire"]]
    versions = await drill.bookings.versions([*everyone, *new])
    on_1 = [booking for booking in new if versions[booking.booking_id] == "1"]
    say("Payments begin on 2, and tell bookings on 1 by a signal ...")
    await drill.bookings.cancel(old["cancel"])
    await drill.bookings.pay([*old["pay"], *on_1])
    await drill.stop_drained("1")
    ended_on = set((await drill.bookings.versions(everyone)).values())
    check("the versions the old bookings ended on", ended_on, {"1"})
    await drill.show_status()


async def _version_3(drill: Drill, new: list[PlaceBooking]) -> None:
    head("4. Version 3 is broken: it is found out and rolled back")
    await drill.start("3")
    await drill.route("set-ramping-version", "--build-id", "3", "--percentage", "20")
    say("3 gets 20 %. It fails as it begins a booking, and half way through a payment.")
    versions = await drill.bookings.versions(new)
    on_2 = [booking for booking in new if versions[booking.booking_id] == "2"]
    async with asyncio.TaskGroup() as clients:
        unlucky = drill.bookings.place("unlucky", drill.size // 5, ends="settled")
        placing = clients.create_task(unlucky)
        paying = clients.create_task(drill.bookings.pay(on_2))
        both = {workflow.__name__ for workflow in WORKFLOWS}
        await come_true("what fails on 3", lambda: _failing(drill), both)
        show(await drill.temporal("workflow", "list", "--query", FAILING, "--limit", "3") or "")
        await drill.route("set-ramping-version", "--delete")
        say("-> [bold]rolled back: 3 gets nothing new[/bold]")
        say("Bookings that failed at once are pinned to no version: they go to 2 by themselves.")
        moved = await _move_back(drill, [placing, paying])
    say(f"-> [bold]what 3 had begun is moved to 2[/bold] (payments: {moved})")
    say("-> [bold]every client that waited got its answer: nothing was lost[/bold]")
    await drill.bookings.pay(placing.result())
    await drill.stop_drained("3")
    await drill.show_status()


async def _move_back(drill: Drill, waiting: Sequence[asyncio.Task[Any]]) -> int:
    """Move repeatedly: a payment may have begun on 3 in the last moment."""
    moved = set[str]()
    while not all(client.done() for client in waiting):
        again = await drill.deployment.move("3", "2", workflows=VERSIONS["2"])
        check("what cannot be moved", again.deviations, [])
        moved.update(again.moved)
        await asyncio.sleep(LOOK_EVERY.total_seconds())
    return len(moved)


async def _failing(drill: Drill) -> set[str]:
    failing = drill.running.client.list_workflows(FAILING)
    return {process.workflow_type async for process in failing}


async def _all_well(drill: Drill) -> None:
    head("5. What became of all of them")
    await drill.bookings.all_ended()
    ends = Counter(drill.bookings.ends.values())
    say(
        f"-> [bold]{len(drill.bookings.ends)} bookings ended as they should[/bold]: "
        + ", ".join(f"{number} {end}" for end, number in sorted(ends.items()))
    )
    histories = drill.running.client.list_workflows(OURS).map_histories()
    failed = Counter(
        [
            event.workflow_task_failed_event_attributes.identity  # of the worker
            async for history in histories
            for event in history.events
            if event.HasField("workflow_task_failed_event_attributes")
        ]
    )
    worker_3 = f"{drill.workers['3'].pid}@{socket.gethostname()}"
    check("who failed workflow tasks", set(failed), {worker_3})
    for build_id in ("1", "2"):
        log = drill.workers[build_id].log.read_text()
        check(f"non-determinism in the log of {build_id}", NONDETERMINISM in log, False)
    say(
        f"{failed.total()} workflow tasks failed, all of them on version 3; no worker of 1 or 2 "
        "knows of a non-determinism error."
    )
