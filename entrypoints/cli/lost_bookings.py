"""`box-office lost-bookings`: what Temporal knows of, and a restored log does not."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

import typer
from temporalio.client import Client, WorkflowExecutionStatus

from entrypoints.cli import answers, inputs
from entrypoints.cli.answers import asynchronous
from entrypoints.cli.operations import Json
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
    """What was asked for, and how far its process had come: `open`, or how it ended."""

    request: PlaceBooking
    status: str


@app.command("lost-bookings")
@asynchronous
async def lost_bookings(
    since: Annotated[str, typer.Option(metavar="DURATION", help="as 90s, 30m, 12h or 7d")],
    as_json: Json = False,
) -> None:
    """Bookings that a restored log lost, as commands."""
    begin = datetime.now(UTC) - inputs.duration(since, "--since")  # of a query
    settings = Settings()
    client = await connect_temporal(settings)
    query = (
        f"WorkflowType = 'BookingWorkflow' AND TaskQueue = '{settings.task_queue}' "
        f"AND ExecutionStatus IN ('Running', 'Completed') AND StartTime >= '{begin.isoformat()}'"
    )
    async with box_office(settings) as parts:
        lost = [each async for each in _lost(client, parts, query)]
    text = "\n".join(map(_command, lost)) or "# nothing is lost"
    answers.show(lost, text, as_json=as_json)


async def _lost(client: Client, parts: BoxOffice, query: str) -> AsyncIterator[LostBooking]:
    """The oldest first: seats go to whoever was first."""
    found = [each async for each in client.list_workflows(query)]
    for each in sorted(found, key=lambda execution: execution.start_time):
        booking_id = BookingId(each.id.removeprefix(booking_stream(BookingId(""))))
        if await parts.store.read_stream(StreamId(each.id)):
            continue
        handle = booking_handle(client, booking_id)
        status = "open" if each.status is RUNNING else (await handle.result()).status
        if status not in HOLDS_NO_SEATS:
            yield LostBooking(request=await requested(client, handle), status=status)


def _command(lost: LostBooking) -> str:
    of = lost.request
    seats = " ".join(f"--seat {each}" for each in of.seats)
    return (
        f"box-office place --concert={of.concert_id} --client={of.client_id} {seats} "
        f"--id={of.booking_id}  # {lost.status}"
    )
