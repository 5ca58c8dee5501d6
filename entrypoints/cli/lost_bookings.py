"""`box-office lost-bookings`: bookings that Temporal knows and a restored log does not."""

from collections.abc import AsyncIterator

import typer
from temporalio.client import Client, WorkflowExecutionStatus

from entrypoints.cli import answers, inputs
from entrypoints.cli.answers import Json, command
from entrypoints.settings import Settings
from entrypoints.temporal import connect_temporal
from entrypoints.wiring import BoxOffice, box_office
from eventstore.slices import StreamId
from ticketing.booking.commands import PlaceBooking
from ticketing.ids import BookingId, booking_stream
from ticketing.value import Value
from workflows.client import booking_handle, requested

# Money that got an expired one its seats back goes back now: the process did not tell of it.
HOLDS_NO_SEATS = ("rejected", "denied", "cancelled", "expired")
RUNNING = WorkflowExecutionStatus.RUNNING

app = typer.Typer()


class LostBooking(Value):
    """A request for a booking, and the status of its process: `open`, or how it ended."""

    request: PlaceBooking
    status: str


@command(app, "lost-bookings")
async def lost_bookings(since: inputs.Since, as_json: Json = False) -> None:
    """Print the bookings that a restored log lost.

    Print `place` commands for bookings missing from a restored log, which Temporal still knows.
    """
    begin = inputs.begin(since)
    settings = Settings()
    client = await connect_temporal(settings)
    query = (
        f"WorkflowType = 'BookingWorkflow' AND TaskQueue = '{settings.task_queue}' "
        f"AND ExecutionStatus IN ('Running', 'Completed') AND StartTime >= '{begin}'"
    )
    async with box_office(settings) as parts:
        lost = [booking async for booking in _lost(client, parts, query)]
    text = "\n".join(map(_command, lost)) or "# nothing is lost"
    answers.show(lost, text, as_json=as_json)


async def _lost(client: Client, parts: BoxOffice, query: str) -> AsyncIterator[LostBooking]:
    """Yield the oldest request first: seats belong to whoever was first."""
    found = [execution async for execution in client.list_workflows(query)]
    for execution in sorted(found, key=lambda execution: execution.start_time):
        booking_id = BookingId(execution.id.removeprefix(booking_stream(BookingId(""))))
        if await parts.store.read_stream(StreamId(execution.id)):
            continue
        handle = booking_handle(client, booking_id)
        status = "open" if execution.status is RUNNING else (await handle.result()).status
        if status not in HOLDS_NO_SEATS:
            yield LostBooking(request=await requested(client, handle), status=status)


def _command(lost: LostBooking) -> str:
    request = lost.request
    seats = " ".join(f"--seat {seat}" for seat in request.seats)
    return (
        f"box-office place --concert={request.concert_id} --client={request.client_id} {seats} "
        f"--id={request.booking_id}  # {lost.status}"
    )
