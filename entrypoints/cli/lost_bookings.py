"""`box-office lost-bookings`: bookings that Temporal knows and a restored log does not."""

from collections.abc import AsyncIterator

import typer
from pydantic import TypeAdapter
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus

from entrypoints.cli import answers, inputs
from entrypoints.cli.answers import Json, command
from entrypoints.cli.skipping import Skipped
from entrypoints.settings import Settings
from entrypoints.temporal import connect_temporal
from entrypoints.wiring import BoxOffice, box_office
from ticketing.booking.commands import PlaceBooking
from ticketing.ids import BookingId, booking_of, booking_stream
from ticketing.value import Value
from workflows.client import booking_handle, requested

# Money that got an expired one its seats back goes back now: the process did not tell of it.
HOLDS_NO_SEATS = ("rejected", "denied", "cancelled", "expired")
BOOKING_ID: TypeAdapter[BookingId] = TypeAdapter(BookingId)

app = typer.Typer()


class LostBooking(Value):
    """A request for a booking, and the status of its process: `open`, or how it ended."""

    request: PlaceBooking
    status: str


@command(app, "lost-bookings")
async def lost_bookings(since: inputs.Since, as_json: Json = False) -> None:
    """Print the bookings that a restored log lost.

    Print `place` commands for bookings missing from a restored log, which Temporal still knows.
    A process that cannot be read is skipped and named, and makes the exit code 6.
    """
    begin, skipped = inputs.begin(since), Skipped()
    settings = Settings()
    client = await connect_temporal(settings)
    query = (
        f"WorkflowType = 'BookingWorkflow' AND TaskQueue = '{settings.task_queue}' "
        f"AND ExecutionStatus IN ('Running', 'Completed') AND StartTime >= '{begin}'"
    )
    async with box_office(settings) as parts:
        lost = [booking async for booking in _lost(client, parts, query, skipped)]
    lines = list(map(_command, lost)) or ["# nothing is lost"]
    if skipped:
        skipped.show({"lost": lost}, *lines, as_json=as_json)
    answers.show(lost, *lines, as_json=as_json)


async def _lost(
    client: Client, parts: BoxOffice, query: str, skipped: Skipped
) -> AsyncIterator[LostBooking]:
    """Yield the oldest request first: seats belong to whoever was first."""
    found = [execution async for execution in client.list_workflows(query)]
    found.sort(key=lambda execution: execution.start_time)
    newest_runs = {execution.id: execution for execution in found}  # in the order of the first runs
    for execution in newest_runs.values():
        lost: LostBooking | None = None
        with skipped.naming(f"process {execution.id!r}"):
            lost = await _remembered(client, parts, execution)
        if lost:
            yield lost


async def _remembered(
    client: Client, parts: BoxOffice, execution: WorkflowExecution
) -> LostBooking | None:
    """Return what Temporal knows of a booking; None if the log has it, or it holds no seats.

    Raises:
        ValueError: the process is not named after the booking that it leads.
    """
    booking_id: BookingId = BOOKING_ID.validate_python(booking_of(execution.id))
    stream = booking_stream(booking_id)
    if stream != execution.id:
        raise ValueError("its id is not that of a booking")
    if await parts.store.read_stream(stream):
        return None
    handle = booking_handle(client, booking_id)
    is_open = execution.status is WorkflowExecutionStatus.RUNNING
    status = "open" if is_open else (await handle.result()).status
    if status in HOLDS_NO_SEATS:
        return None
    request = await requested(client, handle)
    if request.booking_id != booking_id:
        raise ValueError(f"it was started for booking {request.booking_id}")
    return LostBooking(request=request, status=status)


def _command(lost: LostBooking) -> str:
    request = lost.request
    seats = " ".join(f"--seat {seat}" for seat in request.seats)
    return (
        f"box-office place --concert={request.concert_id} --client={request.client_id} {seats} "
        f"--id={request.booking_id}  # {lost.status}"
    )
