"""`box-office deployment`: which version of the workers gets the processes that begin."""

import asyncio
from datetime import timedelta
from typing import Annotated

import typer

from entrypoints.cli import answers
from entrypoints.cli.answers import asynchronous
from entrypoints.cli.deployments import Deployment, FailingProcess, Version
from entrypoints.cli.operations import Json
from entrypoints.cli.replay import fail_on
from entrypoints.settings import Settings, WorkerVersion
from entrypoints.temporal import connect_temporal

POLL_SECONDS = 1.0  # while a version drains, which takes as long as its bookings
NEEDS_NAME = "give one with --deployment, or set TEMPORAL_DEPLOYMENT_NAME"

app = typer.Typer()
deployment = typer.Typer(no_args_is_help=True, help="Versions of the workers (docs/deployment.md).")
app.add_typer(deployment, name="deployment")

Build = Annotated[str, typer.Argument(metavar="BUILD", help="a version's build id")]
Name = Annotated[
    str | None, typer.Option("--deployment", help="TEMPORAL_DEPLOYMENT_NAME by default")
]
Patience = Annotated[
    float, typer.Option("--wait", min=0, help="seconds for its workers to become known")
]
PATIENCE_SECONDS = 30.0  # a poll makes a worker known; 3 s were seen on a busy machine


@deployment.command()
@asynchronous
async def status(name: Name = None, as_json: Json = False) -> None:
    """The versions: what they get, what is open there, who fails."""
    chosen = await _deployment(name)
    versions, failing = await chosen.versions(), await chosen.failing()
    answer = {"deployment": chosen.name, "versions": versions, "failing": failing}
    answers.show(answer, table(chosen, versions, failing), as_json=as_json)


@deployment.command("set-current")
@asynchronous
async def set_current(
    build: Build, name: Name = None, wait: Patience = PATIENCE_SECONDS, as_json: Json = False
) -> None:
    """Every process that begins from now on goes to this version."""
    chosen = await _deployment(name)
    await chosen.set_current(build, patience=timedelta(seconds=wait))
    answers.show(
        {"deployment": chosen.name, "current": build},
        f"{build} is current: every booking and payment that begins now goes there",
        as_json=as_json,
    )


@deployment.command()
@asynchronous
async def ramp(
    build: Build,
    percentage: Annotated[float, typer.Option(min=0, max=100, help="0 ends the ramp")],
    name: Name = None,
    wait: Patience = PATIENCE_SECONDS,
    as_json: Json = False,
) -> None:
    """A share of the processes that begin goes to this version."""
    chosen = await _deployment(name)
    await chosen.ramp(build, percentage, patience=timedelta(seconds=wait))
    answer = {"deployment": chosen.name, "ramping": build, "percentage": percentage}
    text = f"{build} gets {percentage:g} % of what begins now"
    answers.show(answer, text if percentage else f"{build} gets nothing new", as_json=as_json)


@deployment.command()
@asynchronous
async def drain(build: Build, name: Name = None, as_json: Json = False) -> None:
    """Wait until nothing is open on a version. Then its workers can be stopped."""
    chosen = await _deployment(name)
    told = ""
    while not _is_empty(version := await chosen.version(build)):
        if version.status in ("current", "ramping"):
            answers.refused(
                "StillGetsWork",
                f"{build} is {version.status}: first make another version current"
                if version.status == "current"
                else f"{build} is ramping: first `deployment ramp {build} --percentage 0`",
                status=version.status,
            )
        progress = f"{build} is {version.status}: {version.open} open"
        if progress != told:
            typer.echo(progress, err=True)
            told = progress
        await asyncio.sleep(POLL_SECONDS)
    text = f"{build} is {version.status}: nothing is open there, its workers can be stopped"
    answers.show({"deployment": chosen.name, **answers.plain(version)}, text, as_json=as_json)


@deployment.command()
@asynchronous
async def move(
    source: Annotated[str, typer.Argument(metavar="FROM", help="the version they are on")],
    to: Annotated[str, typer.Argument(metavar="TO", help="the version of the code installed here")],
    name: Name = None,
    as_json: Json = False,
) -> None:
    """Move what is open on a version to another one. What would fail on this code stays."""
    chosen = await _deployment(name)
    moved = await chosen.move(source, to)
    text = f"{len(moved.moved)} moved from {source} to {to}"
    fail_on(moved.deviations, summary=f"{text}, {len(moved.deviations)} stay", answer=moved)
    answers.show(moved, text, as_json=as_json)


def table(chosen: Deployment, versions: list[Version], failing: list[FailingProcess]) -> str:
    """The versions as a table, and the processes that stand still."""
    lines = [f"deployment {chosen.name}, task queue {chosen.task_queue}"]
    lines.append(f"  {'version':24} {'status':14} {'open':>6} {'workers':>8} {'last poll':>10}")
    for each in versions:
        share = "" if each.ramp_percentage is None else f" {each.ramp_percentage:g} %"
        poll = f"{each.last_poll_at:%H:%M:%S}" if each.last_poll_at else ""
        status = each.status + share
        lines.append(f"  {each.build_id:24} {status:14} {each.open:6} {each.workers:8} {poll:>10}")
    if not any(each.status == "current" for each in versions):
        lines.append("No version is current: what begins goes to unversioned workers.")
    if failing:
        lines.append("Standing still, because the workflow task fails:")
    lines += [f"  {each.workflow_id} on {each.build_id}: {each.reason}" for each in failing]
    return "\n".join(lines)


async def _deployment(name: str | None) -> Deployment:
    settings = Settings()
    given = {"worker_build_id": "any"} | ({"deployment_name": name} if name else {})
    checked = WorkerVersion.model_validate(given).deployment_name
    if not checked:
        answers.bad_input("--deployment", NEEDS_NAME)
    return Deployment(await connect_temporal(settings), settings.task_queue, checked)


def _is_empty(version: Version) -> bool:
    """`drained` is the server's word: it waits until its lists can be trusted."""
    if version.status in ("created", "inactive"):  # it never was current
        return version.open == 0
    return version.status == "drained"
