"""Whether processes and log agree about what there is, and what is under way."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionStatus,
    WorkflowHandle,
)
from temporalio.service import RPCError, RPCStatusCode

from ticketing.ids import BookingId, booking_of, booking_stream, payment_of
from ticketing.verification.api import Finding, Unfinished, Verification
from workflows.booking import BookingWorkflow
from workflows.client import UNREADABLE
from workflows.payment import PaymentWorkflow

# A starter needs seconds to start what is missing, and an operator a minute.
GRACE = timedelta(minutes=5)
CURE = "run `box-office restart-processes`"
REMEMBERED = timedelta(hours=1)  # how long the end of a process is compared with the log


async def unled(
    client: Client, task_queue: str, verification: Verification, grace: timedelta = GRACE
) -> Sequence[Finding]:
    """Return a finding for each booking and payment that no process has led for the grace.

    A process that ended, whatever it says of the end, leads nothing if the log goes on.
    """
    query = (
        f"WorkflowType IN ('{BookingWorkflow.__name__}', '{PaymentWorkflow.__name__}') "
        f"AND TaskQueue = '{task_queue}' AND ExecutionStatus = 'Running'"
    )
    unfinished = await verification.unfinished(grace)
    leading = {
        (process.id, process.workflow_type) async for process in client.list_workflows(query)
    }
    suspects = {
        entity: what
        for entity in unfinished
        if (entity.stream, _leader(entity.stream)) not in leading
        and (what := await _trouble(client, task_queue, entity))
    }
    # Asked last: what ended in the meantime needs no process any more.
    still = await verification.unfinished(grace) if suspects else ()
    return [_finding(entity, suspects[entity]) for entity in still if entity in suspects]


async def unbooked(
    client: Client,
    task_queue: str,
    verification: Verification,
    now: datetime,
    grace: timedelta = GRACE,
) -> Sequence[Finding]:
    """Return a finding for each process of a booking that the log does not have.

    The process runs, or ended lately as anything but rejected. A stray is such a process, and so is
    that of a booking that a restored log has lost.
    """
    ended = f"ExecutionStatus = 'Completed' AND CloseTime >= '{(now - REMEMBERED).isoformat()}'"
    query = (
        f"WorkflowType = '{BookingWorkflow.__name__}' AND TaskQueue = '{task_queue}' "
        f"AND StartTime <= '{(now - grace).isoformat()}' "
        f"AND (ExecutionStatus = 'Running' OR ({ended}))"
    )
    processes = {process.id: process async for process in client.list_workflows(query)}
    ends = {
        process_id: await _end(client, processes[process_id])
        for process_id in await verification.unknown(processes)
    }
    return [
        Finding(
            check="booking_missing",
            what=f"{process_id!r} {end}, and the log has no such booking: it is a stray, or "
            "`box-office lost-bookings` names it",
        )
        for process_id, end in sorted(ends.items())
        if end != "ended as 'rejected'"
    ]


async def _trouble(client: Client, task_queue: str, entity: Unfinished) -> str | None:
    """Return why no process leads an entity; None if one does."""
    try:
        process = await client.get_workflow_handle(entity.stream).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return f"no process leads it: {CURE}"
    if process.status is WorkflowExecutionStatus.RUNNING:
        led_by = (process.workflow_type, process.task_queue)
        if led_by == (_leader(entity.stream), task_queue):
            return None  # lists are a moment behind
        return f"a stranger, {led_by[0]} of {led_by[1]}, has its place: terminate it, then {CURE}"
    return f"its process {await _end(client, process)}, and none leads it now: {CURE}"


async def _end(client: Client, process: WorkflowExecution) -> str:
    """Return how a process ended, as it says itself, or that it runs."""
    assert process.status is not None  # the server describes no process without one
    if process.status is not WorkflowExecutionStatus.COMPLETED:
        return f"is {process.status.name.lower().replace('_', ' ')}"
    handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(process.id, run_id=process.run_id)
    try:
        outcome = await handle.result()
        return f"ended as {outcome['status']!r}"
    except UNREADABLE:
        return "ended, nobody can read how"


def _leader(stream: str) -> str:
    """Return the type of the workflow that leads a booking, or a payment."""
    is_booking = stream.startswith(booking_stream(BookingId("")))
    return (BookingWorkflow if is_booking else PaymentWorkflow).__name__


def _finding(entity: Unfinished, what: str) -> Finding:
    is_booking = _leader(entity.stream) == BookingWorkflow.__name__
    return Finding(
        check="process_missing",
        booking_ids=(booking_of(entity.stream),) if is_booking else (),
        payment_ids=() if is_booking else (payment_of(entity.stream),),
        what=f"{entity.status} in the log, but {what}",
    )
