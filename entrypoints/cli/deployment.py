"""`box-office deployment`: waits until a version of the workers is empty, or moves what is left.

Which version gets new processes is set with `temporal worker deployment` (docs/deployment.md).
"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.enums.v1 import WorkerDeploymentVersionStatus
from temporalio.api.workflow.v1 import VersioningOverride, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentRequest,
    UpdateWorkflowExecutionOptionsRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from entrypoints.cli.answers import Json, bad_input, command, not_found, refused, show
from entrypoints.cli.replay import Deviation, fail_on, replay_all
from entrypoints.settings import Settings, WorkerVersion
from entrypoints.temporal import WORKFLOWS, connect_temporal
from entrypoints.terminal import say
from ticketing.value import Value

POLL_SECONDS = 1.0  # while a version drains, which takes as long as its bookings
FIRST = {
    "current": "make another version current",
    "ramping": "end its ramp with `temporal worker deployment set-ramping-version --delete`",
}
STATUS_PREFIX = "WORKER_DEPLOYMENT_VERSION_STATUS_"

app = typer.Typer()
deployment = typer.Typer(
    no_args_is_help=True, help="Drain a version of the workers, or move its processes."
)
app.add_typer(deployment, name="deployment")

Name = Annotated[
    str | None,
    typer.Option("--deployment", help="Name of the deployment; TEMPORAL_DEPLOYMENT_NAME if unset."),
]


class Moved(Value):
    """The workflow ids that were moved, and the processes that stay, because they would fail."""

    moved: list[str]
    deviations: list[Deviation]


@command(deployment)
async def drain(
    build: Annotated[str, typer.Argument(metavar="BUILD", help="Build id of the version.")],
    name: Name = None,
    as_json: Json = False,
) -> None:
    """Wait until no process is open on a version. Then its workers can be stopped."""
    chosen = await _deployment(name)
    told = ""
    while True:
        status, count = await chosen.status(build), await chosen.open_processes(build)
        if status in FIRST:
            refused("StillGetsWork", f"{build} is {status}: first {FIRST[status]}", status=status)
        # `drained` is the server's word: it waits until its lists can be trusted.
        if status == "drained" or (status in ("created", "inactive") and not count):
            break
        if (progress := f"{build} is {status}: {count} open") != told:
            say(told := progress, to=sys.stderr)
        await asyncio.sleep(POLL_SECONDS)
    text = f"{build} is {status}: nothing is open there, its workers can be stopped"
    answer = {"deployment": chosen.name, "build_id": build, "status": status, "open": count}
    show(answer, text, as_json=as_json)


@command(deployment)
async def move(
    source: Annotated[str, typer.Argument(metavar="FROM", help="Build id they are pinned to.")],
    to: Annotated[str, typer.Argument(metavar="TO", help="Build id of the code installed here.")],
    name: Name = None,
    as_json: Json = False,
) -> None:
    """Move the open processes of a version to another one.

    A process that would fail on the code installed here stays, and makes the exit code 6.
    """
    chosen = await _deployment(name)
    moved = await chosen.move(source, to)
    text = f"{len(moved.moved)} moved from {source} to {to}"
    fail_on(moved.deviations, summary=f"{text}, {len(moved.deviations)} stay", answer=moved)
    show(moved, text, as_json=as_json)


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment by its name."""

    client: Client
    name: str

    async def status(self, build_id: str) -> str:
        """Return created, inactive, current, ramping, draining or drained.

        Raises:
            Failure: there is no such deployment, or no such version of it.
        """
        request = DescribeWorkerDeploymentRequest(
            namespace=self.client.namespace, deployment_name=self.name
        )
        try:
            answer = await self.client.workflow_service.describe_worker_deployment(request)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            not_found("deployment", self.name)
        statuses = {
            version.deployment_version.build_id: version.status
            for version in answer.worker_deployment_info.version_summaries
        }
        if build_id not in statuses:
            not_found("version", f"{self.name}:{build_id}")
        name = WorkerDeploymentVersionStatus.Name(statuses[build_id])
        return name.removeprefix(STATUS_PREFIX).lower()

    async def open_processes(self, build_id: str) -> int:
        """Return how many processes are open on a version."""
        return (await self.client.count_workflows(self.open_on(build_id))).count

    async def move(self, source: str, to: str, *, workflows: Sequence[type] = WORKFLOWS) -> Moved:
        """Pin the open processes of a version to another one.

        Args:
            source: the version that they are on.
            to: the other version.
            workflows: its code. A process that would deviate on it stays.

        Raises:
            Failure: there is no such version.
        """
        await self.status(source)
        await self.status(to)
        query = self.open_on(source)
        found = [process async for process in self.client.list_workflows(query)]
        replayed = await replay_all(self.client, query, workflows=workflows)
        stay = {deviation.run_id for deviation in replayed.deviations}
        moved = [
            process.id
            for process in found
            if process.run_id not in stay and await self._pin(process.id, process.run_id, to)
        ]
        return Moved(moved=moved, deviations=replayed.deviations)

    def open_on(self, build_id: str) -> str:
        """Return the query for the open processes of a version."""
        version = f"TemporalWorkerDeploymentVersion = '{self.name}:{build_id}'"
        return f"{version} AND ExecutionStatus = 'Running'"

    async def _pin(self, workflow_id: str, run_id: str, to: str) -> bool:
        """Pin a process to a version; False if it has ended meanwhile."""
        target = WorkerDeploymentVersion(deployment_name=self.name, build_id=to)
        override = VersioningOverride(
            one_time=VersioningOverride.OneTimeOverride(target_deployment_version=target)
        )
        request = UpdateWorkflowExecutionOptionsRequest(
            namespace=self.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
            workflow_execution_options=WorkflowExecutionOptions(versioning_override=override),
            update_mask=FieldMask(paths=["versioning_override"]),
        )
        try:
            await self.client.workflow_service.update_workflow_execution_options(request)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True


async def _deployment(name: str | None) -> Deployment:
    given = {"worker_build_id": "any"} | ({"deployment_name": name} if name else {})
    checked = WorkerVersion.model_validate(given).deployment_name
    if not checked:
        bad_input("--deployment", "give one with --deployment, or set TEMPORAL_DEPLOYMENT_NAME")
    return Deployment(await connect_temporal(Settings()), checked)
