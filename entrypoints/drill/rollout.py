"""What `make deploy-drill` does: three versions are rolled out while bookings are in flight.

Version 1 is the code of this checkout; versions.py has the others. Whatever is told is
looked up in Temporal and in Postgres, and checked.
"""

import asyncio
import socket
from collections import Counter
from dataclasses import dataclass, field

from temporalio.client import WorkflowHistory

from entrypoints.cli.deployment import Deployment
from entrypoints.cli.replay import OURS, replay_all
from entrypoints.demo.narrator import head, say, show
from entrypoints.demo.story import check, verify
from entrypoints.devstack.children import Child, Home
from entrypoints.devstack.servers import temporal_binary
from entrypoints.devstack.stack import Ports, Program, Stack, stack
from entrypoints.drill.bookings import POLL_SECONDS, Bookings, until
from entrypoints.drill.versions import VERSIONS
from entrypoints.errors import first_cause
from entrypoints.settings import LOOPBACK, Settings
from entrypoints.wiring import box_office
from ticketing.booking.commands import PlaceBooking

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

        async def changed() -> str | None:
            return await self.temporal(
                *("worker", "deployment", command, "--deployment-name", NAME, "--yes"), *arguments
            )

        await until(changed, f"{command} {' '.join(arguments)}")

    async def start(self, build_id: str) -> None:
        """Start a worker of a version."""
        worker = ("entrypoints.cli", "worker") if build_id == "1" else ("entrypoints.drill.worker",)
        version = {"TEMPORAL_DEPLOYMENT_NAME": NAME, "TEMPORAL_WORKER_BUILD_ID": build_id}
        self.workers[build_id] = await self.running.running.enter_async_context(
            self.running.run(f"worker-{build_id}", Program(("-m", *worker), environment=version))
        )

    async def stop_drained(self, build_id: str) -> None:
        """Wait until nothing is open on a version, and stop its worker."""

        async def drained() -> bool | None:
            return await self.deployment.status(build_id) == "drained" or None

        await until(drained, f"version {build_id} drained")
        check(f"the exit code of worker {build_id}", await self.workers[build_id].stop(), 0)
        say(f"-> [bold]nothing is open on {build_id} any more; its worker is stopped[/bold]")

    async def open_is(self, build_id: str, number: int) -> None:
        """Wait until as many processes are open on a version."""

        async def as_many() -> bool | None:
            return await self.deployment.open_processes(build_id) == number or None

        await until(as_many, f"{number} open on {build_id}")

    async def show_status(self) -> None:
        """Show the versions as `temporal` does."""
        show(await self.temporal("worker", "deployment", "describe", "--name", NAME) or "")


@dataclass(frozen=True)
class Crowd:
    """Bookings that are placed in one step of the drill and come to their end in another."""

    paying: list[PlaceBooking]
    cancelling: list[PlaceBooking]
    idle: list[PlaceBooking]

    @property
    def everyone(self) -> list[PlaceBooking]:
        return [*self.paying, *self.cancelling, *self.idle]


async def tell(home: Home, *, size: int) -> None:
    """Carry out the whole drill on a stack in a fresh home.

    Raises:
        NotAsTold: something else happened than the drill tells.
        InvariantsBroken: the verification has findings.
    """
    begun = asyncio.get_running_loop().time()
    try:
        await _tell(home, size)
    except ExceptionGroup as group:
        raise first_cause(group) from group
    show(f"Done in {asyncio.get_running_loop().time() - begun:.0f} seconds.")


async def _tell(home: Home, size: int) -> None:
    show("Starting a stack of its own:")
    async with (
        stack(home, Settings(process="orchestrated"), Ports(), show) as running,
        box_office(running.settings) as parts,
    ):
        show(f"The versions are to be seen in the Web UI: {running.ui_url}")
        await running.stop("worker")  # which is unversioned
        queue = running.settings.task_queue
        bookings = Bookings(running.client, queue, parts)
        await bookings.put_on_sale()
        drill = Drill(running, Deployment(running.client, NAME), bookings, size)
        old = await _version_1(drill)
        new = await _ramp_2(drill, old)
        await _end_old(drill, old, new)
        await _version_3(drill, new)
        await _all_well(drill)
        await verify(parts)
        show("\nStopping the stack ...")


async def _version_1(drill: Drill) -> Crowd:
    head(f"1. Version 1 is current, and {drill.size} bookings are in flight")
    await drill.start("1")
    await drill.route("set-current-version", "--build-id", "1")
    fifth = drill.size // 5
    old = Crowd(
        paying=drill.bookings.requests("paying", drill.size - 2 * fifth, ends="settled"),
        cancelling=drill.bookings.requests("cancelling", fifth, ends="cancelled"),
        idle=drill.bookings.requests("idle", fifth, ends="expired"),
    )
    await drill.bookings.place(old.everyone)  # those that expire are the last
    await drill.open_is("1", drill.size)
    say(
        f"-> [bold]{drill.size} bookings are confirmed and wait for payment[/bold]: "
        f"{len(old.paying)} will pay, {fifth} will cancel, {fifth} will do nothing and expire."
    )
    return old


async def _ramp_2(drill: Drill, old: Crowd) -> list[PlaceBooking]:
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
    ramped = drill.bookings.requests("ramped", drill.size // 5, ends="settled")
    await drill.bookings.place(ramped)
    share = Counter((await drill.bookings.versions(ramped)).values())
    check("the versions of new bookings", set(share), {"1", "2"})
    say(
        f"-> [bold]ramp to 50 %: of {len(ramped)} new bookings, {share['2']} began on 2, "
        f"{share['1']} on 1[/bold]"
    )
    await drill.route("set-current-version", "--build-id", "2")
    late = drill.bookings.requests("late", drill.size // 10, ends="settled")
    await drill.bookings.place(late)
    check(
        "the versions of new bookings", set((await drill.bookings.versions(late)).values()), {"2"}
    )
    say(f"-> [bold]2 is current: all of {len(late)} new bookings began there[/bold]")
    await drill.show_status()
    return [*ramped, *late]


async def _end_old(drill: Drill, old: Crowd, new: list[PlaceBooking]) -> None:
    head("3. The old bookings end on version 1, which drains")
    versions = await drill.bookings.versions([*old.everyone, *new])
    on_1 = [booking for booking in new if versions[booking.booking_id] == "1"]
    say("Payments begin on 2, and tell bookings on 1 by a signal ...")
    await drill.bookings.cancel(old.cancelling)
    await drill.bookings.pay([*old.paying, *on_1])
    await drill.stop_drained("1")
    ended_on = set((await drill.bookings.versions(old.everyone)).values())
    check("the versions the old bookings ended on", ended_on, {"1"})
    await drill.show_status()


async def _version_3(drill: Drill, new: list[PlaceBooking]) -> None:
    head("4. Version 3 is broken: it is found out and rolled back")
    await drill.start("3")
    await drill.route("set-ramping-version", "--build-id", "3", "--percentage", "20")
    say("3 gets 20 %. It fails as it begins a booking, and half way through a payment.")
    bad = drill.bookings.requests("unlucky", drill.size // 5, ends="settled")
    versions = await drill.bookings.versions(new)
    on_2 = [booking for booking in new if versions[booking.booking_id] == "2"]
    async with asyncio.TaskGroup() as clients:
        waiting = [
            clients.create_task(drill.bookings.place(bad)),
            clients.create_task(drill.bookings.pay(on_2)),
        ]
        await until(lambda: _both_kinds_fail(drill), "processes that fail on 3")
        show(await drill.temporal("workflow", "list", "--query", FAILING, "--limit", "3") or "")
        await drill.route("set-ramping-version", "--delete")
        say("-> [bold]rolled back: 3 gets nothing new[/bold]")
        say("Bookings that failed at once are pinned to no version: they go to 2 by themselves.")
        moved = await _move_back(drill, waiting)
    say(f"-> [bold]what 3 had begun is moved to 2[/bold] (payments: {moved})")
    say("-> [bold]every client that waited got its answer: nothing was lost[/bold]")
    await drill.bookings.pay(bad)
    await drill.stop_drained("3")
    await drill.show_status()


async def _move_back(drill: Drill, waiting: list[asyncio.Task[None]]) -> int:
    """Move repeatedly: a payment may have begun on 3 in the last moment."""
    moved = set[str]()
    while not all(client.done() for client in waiting):
        again = await drill.deployment.move("3", "2", workflows=VERSIONS["2"])
        check("what cannot be moved", again.deviations, [])
        moved.update(again.moved)
        await asyncio.sleep(POLL_SECONDS)
    return len(moved)


async def _both_kinds_fail(drill: Drill) -> bool | None:
    failing = drill.running.client.list_workflows(FAILING)
    return {process.workflow_type async for process in failing} >= {
        "BookingWorkflow",
        "PaymentWorkflow",
    } or None


async def _all_well(drill: Drill) -> None:
    head("5. What became of all of them")
    await drill.bookings.all_ended()
    ends = Counter(drill.bookings.ends.values())
    say(
        f"-> [bold]{len(drill.bookings.ends)} bookings ended as they should[/bold]: "
        + ", ".join(f"{number} {end}" for end, number in sorted(ends.items()))
    )
    failed = Counter[str]()
    async for history in drill.running.client.list_workflows(OURS).map_histories():
        failed.update(_failed_by(history))
    worker_3 = f"{drill.workers['3'].pid}@{socket.gethostname()}"
    check("who failed workflow tasks", set(failed), {worker_3})
    for build_id in ("1", "2"):
        log = drill.workers[build_id].log.read_text()
        check(f"non-determinism in the log of {build_id}", NONDETERMINISM in log, False)
    say(
        f"{failed.total()} workflow tasks failed, all of them on version 3; no worker of 1 or 2 "
        "knows of a non-determinism error."
    )


def _failed_by(history: WorkflowHistory) -> list[str]:
    """Return the identities of the workers that failed a workflow task."""
    return [
        event.workflow_task_failed_event_attributes.identity
        for event in history.events
        if event.HasField("workflow_task_failed_event_attributes")
    ]
