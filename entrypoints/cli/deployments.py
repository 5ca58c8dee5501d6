"""The versions of the workers as Temporal knows them: which one gets what, and what is open there.

A version is known from its workers' first poll on. Of the processes that begin, the current version
gets all but the ramping one's share; each ends on the version that it began on, unless moved.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from google.protobuf.field_mask_pb2 import FieldMask
from pydantic import AwareDatetime
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.deployment.v1 import WorkerDeploymentInfo, WorkerDeploymentVersion
from temporalio.api.enums.v1 import TaskQueueType, WorkerDeploymentVersionStatus
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflow.v1 import VersioningOverride, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeWorkerDeploymentRequest,
    ListWorkerDeploymentsRequest,
    SetWorkerDeploymentCurrentVersionRequest,
    SetWorkerDeploymentRampingVersionRequest,
    UpdateWorkflowExecutionOptionsRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from entrypoints.cli.answers import NOT_FOUND, CommandFailed, refused
from entrypoints.cli.replays import Deviation, replay
from entrypoints.temporal import WORKFLOWS
from ticketing.value import Value

POLL_SECONDS = 0.5
STATUS_PREFIX = "WORKER_DEPLOYMENT_VERSION_STATUS_"
FAILING = "ExecutionStatus = 'Running' AND TemporalReportedProblems IS NOT NULL"
FAILING_SHOWN_MAX = 20  # each costs two calls
NOT_YET = (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION)


class Version(Value):
    """A version: created, inactive, current, ramping, draining or drained."""

    build_id: str
    status: str
    ramp_percentage: float | None = None  # its share of the processes that begin
    open: int  # processes
    workers: int  # that polled within the last five minutes; a stopped one is still among them
    last_poll_at: AwareDatetime | None


class FailingProcess(Value):
    """A process that stands still, because its workflow task fails again and again."""

    workflow_id: str
    build_id: str | None  # of the version that tries
    reason: str


class Moved(Value):
    """Workflow ids of what was moved, and what stays, because it would fail."""

    moved: list[str]
    deviations: list[Deviation]


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment by its name.

    Every method raises:
        CommandFailed: not found, with the deployments or versions that there are.
    """

    client: Client
    task_queue: str
    name: str

    async def versions(self) -> list[Version]:
        """All of them, the newest first."""
        info, workers = await self._describe(), await self._workers()
        ramp = info.routing_config.ramping_version_percentage
        return [
            Version(
                build_id=each.deployment_version.build_id,
                status=(status := _status(each.status)),
                ramp_percentage=ramp if status == "ramping" else None,
                open=await self._count(each.deployment_version.build_id),
                workers=len(polls := workers[each.deployment_version.build_id]),
                last_poll_at=max(polls, default=None),
            )
            for each in info.version_summaries
        ]

    async def version(self, build_id: str) -> Version:
        versions = await self.versions()
        for each in versions:
            if each.build_id == build_id:
                return each
        raise self._unknown(build_id, [each.build_id for each in versions])

    async def set_current(self, build_id: str, *, patience: timedelta) -> None:
        """All processes that begin go to this version; a ramp to it is over.

        Args:
            build_id: its version.
            patience: with workers that are not known yet.
        """

        async def ask() -> None:
            await self.client.workflow_service.set_worker_deployment_current_version(
                SetWorkerDeploymentCurrentVersionRequest(
                    namespace=self.client.namespace, deployment_name=self.name, build_id=build_id
                )
            )

        await self._once_known(build_id, ask, patience)

    async def ramp(self, build_id: str, percentage: float, *, patience: timedelta) -> None:
        """A share of the processes that begin goes to this version; 0: none does, the ramp is over.

        Raises:
            CommandFailed: refused, because it is the current version, or there is no ramp to end.
        """
        statuses = await self._statuses()
        status = statuses.get(build_id)
        if status == "current":
            refused("VersionIsCurrent", f"{build_id} is current: it gets what no other one gets")
        if percentage == 0 and not status:
            raise self._unknown(build_id, list(statuses))
        if percentage == 0 and status != "ramping":
            refused("NoRamp", f"{build_id} is {status}: there is no ramp to end", status=status)

        async def ask() -> None:
            await self.client.workflow_service.set_worker_deployment_ramping_version(
                SetWorkerDeploymentRampingVersionRequest(
                    namespace=self.client.namespace,
                    deployment_name=self.name,
                    build_id=build_id if percentage else "",
                    percentage=percentage,
                )
            )

        await self._once_known(build_id, ask, patience)

    async def failing(self) -> list[FailingProcess]:
        """Processes that stand still, 20 at most.

        The server reports them after as many failures as its setting
        `system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute` says.
        """
        query = f"TaskQueue = '{self.task_queue}' AND {FAILING}"
        found = self.client.list_workflows(query, limit=FAILING_SHOWN_MAX)
        return [await self._failing(each.id, each.run_id) async for each in found]

    async def move(self, source: str, to: str, *, workflows: Sequence[type] = WORKFLOWS) -> Moved:
        """What is open on a version goes on on another one, and is pinned there.

        Args:
            source: the version that it is on.
            to: the other version.
            workflows: its code. What would deviate on it stays.

        Raises:
            CommandFailed: refused, because nobody works on the other version.
        """
        await self.version(source)
        if not (await self.version(to)).workers:
            refused("NoWorkers", f"no worker of {to} polls: start one first")
        found = [each async for each in self.client.list_workflows(self.open_on(source))]
        replayed = await replay(self.client, self.open_on(source), workflows=workflows)
        stay = {each.run_id for each in replayed.deviations}
        moved = [
            each.id
            for each in found
            if each.run_id not in stay and await self._moved(each.id, each.run_id, to)
        ]
        return Moved(moved=moved, deviations=replayed.deviations)

    def open_on(self, build_id: str) -> str:
        """The query for the open processes of a version."""
        version = f"TemporalWorkerDeploymentVersion = '{self.name}:{build_id}'"
        return f"{version} AND ExecutionStatus = 'Running'"

    async def _moved(self, workflow_id: str, run_id: str, to: str) -> bool:
        """False: it has ended meanwhile."""
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

    async def _once_known(
        self, build_id: str, ask: Callable[[], Awaitable[None]], patience: timedelta
    ) -> None:
        """Asks again while the server does not know the version, or not all of its task queues."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience.total_seconds()
        while True:
            try:
                return await ask()
            except RPCError as error:
                if error.status not in NOT_YET:
                    raise
                if loop.time() > deadline:
                    known = list(await self._statuses())
                    if build_id not in known:
                        raise self._unknown(build_id, known) from error
                    refused("NotReady", f"{build_id}: {error.message}")
            await asyncio.sleep(POLL_SECONDS)

    async def _describe(self) -> WorkerDeploymentInfo:
        try:
            answer = await self.client.workflow_service.describe_worker_deployment(
                DescribeWorkerDeploymentRequest(
                    namespace=self.client.namespace, deployment_name=self.name
                )
            )
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            raise await self._unknown_deployment() from error
        return answer.worker_deployment_info

    async def _statuses(self) -> dict[str, str]:
        summaries = (await self._describe()).version_summaries
        return {each.deployment_version.build_id: _status(each.status) for each in summaries}

    async def _workers(self) -> defaultdict[str, list[datetime]]:
        """When each worker of a version polled last."""
        answer = await self.client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=self.client.namespace,
                task_queue=TaskQueue(name=self.task_queue),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            )
        )
        polls = defaultdict[str, list[datetime]](list)
        for each in answer.pollers:
            if each.deployment_options.deployment_name == self.name:
                last = each.last_access_time.ToDatetime(UTC)
                polls[each.deployment_options.build_id].append(last)
        return polls

    async def _count(self, build_id: str) -> int:
        return (await self.client.count_workflows(self.open_on(build_id))).count

    async def _failing(self, workflow_id: str, run_id: str | None) -> FailingProcess:
        handle = self.client.get_workflow_handle(workflow_id, run_id=run_id)
        described = (await handle.describe()).raw_description.workflow_execution_info
        versioning = described.versioning_info
        pinned, tried = versioning.deployment_version, versioning.version_transition
        reason = "its workflow task timed out"
        for event in (await handle.fetch_history()).events:
            if event.HasField("workflow_task_failed_event_attributes"):
                failure = event.workflow_task_failed_event_attributes.failure
                reason = str(await self.client.data_converter.decode_failure(failure))
        build_id = tried.deployment_version.build_id or pinned.build_id
        return FailingProcess(workflow_id=workflow_id, build_id=build_id or None, reason=reason)

    async def _unknown_deployment(self) -> CommandFailed:
        answer = await self.client.workflow_service.list_worker_deployments(
            ListWorkerDeploymentsRequest(namespace=self.client.namespace)
        )
        known = [each.name for each in answer.worker_deployments]
        return _not_found(f"there is no deployment {self.name}", known, self.name)

    def _unknown(self, build_id: str, known: list[str]) -> CommandFailed:
        return _not_found(f"there is no version {build_id} of {self.name}", known, build_id)


def _status(status: WorkerDeploymentVersionStatus.ValueType) -> str:
    return WorkerDeploymentVersionStatus.Name(status).removeprefix(STATUS_PREFIX).lower()


def _not_found(what: str, known: list[str], identity: str) -> CommandFailed:
    others = f"there are: {', '.join(known)}" if known else "there is no other one"
    hint = "known from the first poll of a worker on"
    return CommandFailed(
        NOT_FOUND, "NotFound", f"{what}; {others} ({hint})", {"id": identity, "known": known}
    )
