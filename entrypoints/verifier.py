"""Verifies the whole system again and again, and shows the findings as metrics.

A step under way looks broken for a moment, so only what two runs in a row find is shown.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import structlog
from temporalio.client import Client
from temporalio.service import RPCError

from entrypoints.errors import UNREACHABLE, Failure, failure
from entrypoints.interrupts import draining
from entrypoints.observability.health import Readiness, health, routes
from entrypoints.observability.metrics import VerificationMetrics
from entrypoints.observability.telemetry import configure
from entrypoints.processes import temporal_of
from entrypoints.settings import Settings
from entrypoints.wiring import BoxOffice, box_office, needs_of
from eventstore.errors import TransientError
from ticketing.reconciliation import verify_all
from ticketing.verification.api import Finding
from workflows.leading import unbooked, unled

VERIFYING_SHARE = 0.05  # of the time, at most, however long a run takes on a large database

Verify = Callable[[], Awaitable[Sequence[Finding]]]

_log = structlog.get_logger()


async def run_verifier(every: timedelta) -> None:
    """Verify every so often until SIGTERM or Ctrl-C."""
    configure("box-office-verify")
    settings = Settings()
    async with draining() as drain, box_office(settings) as parts:
        client = await temporal_of(settings)
        router = routes(Readiness(drain, needs_of(parts, client)), parts.metrics)
        metrics = VerificationMetrics(parts.metrics.registry)

        async def verify() -> Sequence[Finding]:
            return await verify_once(settings, parts, client)

        async with health(settings, router), asyncio.TaskGroup() as group:
            verifying = group.create_task(verify_again_and_again(verify, every, metrics))
            await drain.wait()
            verifying.cancel()


async def verify_once(
    settings: Settings, parts: BoxOffice, client: Client | None = None
) -> list[Finding]:
    """Return every broken promise. Without a client, connect to Temporal if there are processes.

    Raises:
        TransientError: a server does not answer, and nothing else is wrong.
    """

    async def processes() -> Sequence[Finding]:
        try:
            connected = client or await temporal_of(settings)
            assert connected is not None  # these settings have processes
            asked = connected, settings.task_queue, parts.verification
            now = datetime.now(UTC)  # noqa: TID251  # Temporal's times are those of a wall clock
            return [*await unled(*asked), *await unbooked(*asked, now)]
        except (Failure, RPCError) as error:
            failed = failure(error)
            if failed.code != UNREACHABLE:
                raise
            raise TransientError(str(failed)) from error

    has_processes = settings.process == "orchestrated"
    return await verify_all(
        parts.verification, parts.provider, processes if has_processes else None
    )


async def verify_again_and_again(
    verify: Verify, every: timedelta, metrics: VerificationMetrics
) -> None:
    """Verify until cancelled, and show the findings that the run before had, too."""
    time = asyncio.get_running_loop().time
    before: set[object] | None = None  # nothing is known of what was broken
    while True:
        begun = time()
        try:
            findings = await verify()
        except Exception as error:  # the next run asks again; an alert tells if none succeeds
            _log.warning("not verified", error=repr(error))
        else:
            lasting = [finding for finding in findings if finding.promise in (before or ())]
            clean = not findings or (before is not None and not lasting)
            metrics.show((finding.check for finding in lasting), clean=clean)
            for finding in lasting:
                _log.error("broken promise", finding=str(finding))
            before = {finding.promise for finding in findings}
        pause = max(every.total_seconds(), (time() - begun) / VERIFYING_SHARE)
        await asyncio.sleep(pause)
