"""What `make deploy-drill` does: three versions are rolled out while bookings are in flight.

Version 1 is the code of this checkout; drill_workflows.py has the others. Whatever is told is
looked up in Temporal and in Postgres, and checked.
"""

import asyncio
import socket
from collections import Counter
from dataclasses import dataclass, field

from temporalio.client import WorkflowHistory

from entrypoints.cli.answers import CommandFailed
from entrypoints.cli.deployment import table
from entrypoints.cli.deployments import FAILING, Deployment
from entrypoints.cli.replays import OURS, replay
from entrypoints.demo.narrator import head, say, show
from entrypoints.demo.story import check, verify
from entrypoints.devstack.children import Child, Home
from entrypoints.devstack.servers import until_ready
from entrypoints.devstack.stack import Ports, Program, Stack, stack
from entrypoints.drill.bookings import PATIENCE, POLL_SECONDS, Bookings, until
from entrypoints.drill.versions import VERSIONS
from entrypoints.settings import Settings
from entrypoints.wiring import box_office
from ticketing.booking.commands import PlaceBooking

NAME = "box-office"
NONDETERMINISM = "ondeterminis"  # as the SDK and the server spell it


@dataclass
class Drill:
    """What the steps work with."""

    running: Stack
    deployment: Deployment
    bookings: Bookings
    size: int  # bookings in flight on version 1
    workers: dict[str, Child] = field(default_factory=dict)

    async def start(self, build_id: str) -> None:
        """Starts a worker of a version, and waits until Temporal knows it."""
        program = "entrypoints.worker" if build_id == "1" else "entrypoints.drill.worker"
        version = {"TEMPORAL_DEPLOYMENT_NAME": NAME, "TEMPORAL_WORKER_BUILD_ID": build_id}
        worker = await self.running.running.enter_async_context(
            self.running.run(f"worker-{build_id}", Program(("-m", program), environment=version))
        )

        async def is_known() -> None:
            try:
                await self.deployment.version(build_id)
            except CommandFailed as error:
                raise ConnectionError(error.message) from error

        await until_ready(worker, is_known)
        self.workers[build_id] = worker

    async def stop_drained(self, build_id: str) -> None:
        """Waits until nothing is open on a version, and stops its worker."""

        async def drained() -> bool | None:
            return (await self.deployment.version(build_id)).status == "drained" or None

        await until(drained, f"version {build_id} drained")
        check(f"the exit code of worker {build_id}", await self.workers[build_id].stop(), 0)
        say(f"-> [bold]nothing is open on {build_id} any more; its worker is stopped[/bold]")

    async def open_is(self, build_id: str, number: int) -> None:
        """Looks at how many processes are open on a version."""

        async def as_many() -> bool | None:
            return (await self.deployment.version(build_id)).open == number or None

        await until(as_many, f"{number} open on {build_id}")

    async def show_status(self) -> None:
        """What `box-office deployment status` prints."""
        show(table(self.deployment, await self.deployment.versions(), []))


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
    """The whole drill, on a stack in a fresh home.

    Raises:
        CommandFailed: something went otherwise than told, or the invariants do not hold.
    """
    begun = asyncio.get_running_loop().time()
    try:
        await _tell(home, size)
    except ExceptionGroup as group:
        raise _cause(group) from group
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
        drill = Drill(running, Deployment(running.client, queue, NAME), bookings, size)
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
    await drill.deployment.set_current("1", patience=PATIENCE)
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
    deployment = drill.deployment
    say("It has one more step: it reads the booking from the log before it reserves.")
    replayed = await replay(drill.running.client, deployment.open_on("1"), workflows=VERSIONS["2"])
    check("what could go on on 2", replayed.replayed - len(replayed.deviations), 0)
    say(
        f"None of the {replayed.replayed} bookings in flight could go on on its code (replayed); "
        "pinned to version 1, they need not."
    )
    await deployment.ramp("2", 50, patience=PATIENCE)
    ramped = drill.bookings.requests("ramped", drill.size // 5, ends="settled")
    await drill.bookings.place(ramped)
    share = Counter((await drill.bookings.versions(ramped)).values())
    check("the versions of new bookings", set(share), {"1", "2"})
    say(
        f"-> [bold]ramp to 50 %: of {len(ramped)} new bookings, {share['2']} began on 2, "
        f"{share['1']} on 1[/bold]"
    )
    await deployment.set_current("2", patience=PATIENCE)
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
    on_1 = [each for each in new if versions[each.booking_id] == "1"]
    say("Payments begin on 2, and tell bookings on 1 by a signal ...")
    await drill.bookings.cancel(old.cancelling)
    await drill.bookings.pay([*old.paying, *on_1])
    await drill.stop_drained("1")
    ended_on = set((await drill.bookings.versions(old.everyone)).values())
    check("the versions the old bookings ended on", ended_on, {"1"})
    await drill.show_status()


async def _version_3(drill: Drill, new: list[PlaceBooking]) -> None:
    head("4. Version 3 is broken: it is found out and rolled back")
    deployment = drill.deployment
    await drill.start("3")
    await deployment.ramp("3", 20, patience=PATIENCE)
    say("3 gets 20 %. It fails as it begins a booking, and half way through a payment.")
    bad = drill.bookings.requests("unlucky", drill.size // 5, ends="settled")
    versions = await drill.bookings.versions(new)
    on_2 = [each for each in new if versions[each.booking_id] == "2"]
    async with asyncio.TaskGroup() as clients:
        waiting = [
            clients.create_task(drill.bookings.place(bad)),
            clients.create_task(drill.bookings.pay(on_2)),
        ]
        await until(lambda: _both_kinds_fail(drill), "processes that fail on 3")
        failing = await deployment.failing()
        show(table(deployment, await deployment.versions(), failing[:3]))
        check("the versions that fail", {each.build_id for each in failing}, {"3"})
        await deployment.ramp("3", 0, patience=PATIENCE)
        say("-> [bold]rolled back: 3 gets nothing new[/bold]")
        say("Bookings that failed at once are pinned to no version: they go to 2 by themselves.")
        moved = await _move_back(drill, waiting)
    say(f"-> [bold]what 3 had begun is moved to 2[/bold] (payments: {moved})")
    say("-> [bold]every client that waited got its answer: nothing was lost[/bold]")
    await drill.bookings.pay(bad)
    await drill.stop_drained("3")
    await drill.show_status()


async def _move_back(drill: Drill, waiting: list[asyncio.Task[None]]) -> int:
    """Again and again: a payment may have begun on 3 in the last moment."""
    moved = set[str]()
    while not all(each.done() for each in waiting):
        again = await drill.deployment.move("3", "2", workflows=VERSIONS["2"])
        check("what cannot be moved", again.deviations, [])
        moved.update(again.moved)
        await asyncio.sleep(POLL_SECONDS)
    return len(moved)


async def _both_kinds_fail(drill: Drill) -> bool | None:
    failing = drill.running.client.list_workflows(FAILING)
    return {each.workflow_type async for each in failing} >= {
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
    """The identities of the workers that failed a workflow task."""
    return [
        event.workflow_task_failed_event_attributes.identity
        for event in history.events
        if event.HasField("workflow_task_failed_event_attributes")
    ]


def _cause(error: Exception) -> Exception:
    """What happened first to one of many clients."""
    return _cause(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error
