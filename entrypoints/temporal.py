"""What is plugged where towards Temporal: settings to client, activities and worker."""

import asyncio
from collections.abc import Callable, Sequence

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError
from temporalio.worker import PollerBehaviorAutoscaling, Worker, WorkerDeploymentConfig
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.bookings import BookingActivities
from activities.notifications import NotificationActivities
from activities.payments import PaymentActivities
from activities.provider import ProviderActivities
from activities.reservations import ReservationActivities
from activities.terms import TermsActivities
from entrypoints.errors import BadSetting, unreachable
from entrypoints.interrupts import SHUTDOWN, draining
from entrypoints.observability.health import Readiness, health, routes
from entrypoints.observability.telemetry import (
    StepLog,
    configure,
    temporal_interceptors,
    temporal_runtime,
)
from entrypoints.settings import Settings, WorkerVersion, temporal_address
from entrypoints.wiring import CONNECT_TIMEOUT, BoxOffice, box_office, needs_of, terms
from workflows.booking import BookingWorkflow
from workflows.encryption import data_converter
from workflows.payment import PaymentWorkflow

WORKFLOWS = (BookingWorkflow, PaymentWorkflow)


async def connect_temporal(settings: Settings) -> Client:
    """Connect to the server that `TEMPORAL_*` names.

    Raises:
        Failure: nobody answers there, or it is on another machine and TLS is switched off.
    """
    connect = ClientConfig.load_client_connect_config()
    connect["target_host"] = temporal_address()
    is_needed = settings.needs_tls("temporal", temporal_address().rpartition(":")[0])
    if is_needed and connect.setdefault("tls", True) is False:
        raise BadSetting("TEMPORAL_TLS", "another machine is reached by TLS only (docs/access.md)")
    runtime = temporal_runtime(settings.metrics_address)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT.total_seconds()):
            return await Client.connect(
                **connect,
                data_converter=data_converter(settings.payload_keys),
                runtime=runtime,
                interceptors=temporal_interceptors(),
            )
    except (RuntimeError, RPCError, TimeoutError) as error:
        raise unreachable("Temporal", temporal_address(), "no answer") from error


async def run_worker(workflows: Sequence[type] = WORKFLOWS) -> None:
    """Run a worker until SIGTERM or Ctrl-C; activities in flight may finish.

    With TEMPORAL_DEPLOYMENT_NAME it is a version of that deployment (docs/deployment.md): the one
    that TEMPORAL_WORKER_BUILD_ID names, or else git.
    """
    configure("box-office-worker")
    settings = Settings()
    async with draining() as drain:
        client = await connect_temporal(settings)
        async with box_office(settings) as parts:
            readiness = Readiness(drain, needs_of(parts, client))
            # Inside: it answers until the last activity has ended.
            async with (
                health(settings, routes(readiness, parts.metrics)),
                worker(client, settings, parts, version=WorkerVersion(), workflows=workflows),
            ):
                await drain.wait()


def worker(
    client: Client,
    settings: Settings,
    parts: BoxOffice,
    *,
    version: WorkerVersion | None = None,
    workflows: Sequence[type] = WORKFLOWS,
) -> Worker:
    """Return a worker of both processes and all their activities; unversioned by default."""
    return Worker(
        client,
        task_queue=settings.task_queue,
        workflows=workflows,
        deployment_config=_pinned(version),
        activities=_activities(settings, parts),
        interceptors=[StepLog()],
        workflow_runner=workflow_runner(),
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        graceful_shutdown_timeout=SHUTDOWN,
    )


def _activities(settings: Settings, parts: BoxOffice) -> list[Callable[..., object]]:
    """Return every public method of these: each is an activity."""
    owners = (
        TermsActivities(terms(settings)),
        BookingActivities(parts.bookings),
        PaymentActivities(parts.payments, parts.receipts),
        ReservationActivities(parts.reservations),
        ProviderActivities(parts.provider),
        NotificationActivities(parts.notifier),
    )
    return [getattr(owner, name) for owner in owners for name in dir(owner) if name[0] != "_"]


def _pinned(version: WorkerVersion | None) -> WorkerDeploymentConfig | None:
    """Pin each process to the version that it began on (docs/decisions/0009)."""
    if version is None or version.deployment_name is None:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(version.deployment_name, version.worker_build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )


def workflow_runner() -> SandboxedWorkflowRunner:
    """Runs workflow code: our pure modules are trusted, all others are imported per run."""
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(
            "activities", "eventstore", "pydantic", "ticketing"
        )
    )
