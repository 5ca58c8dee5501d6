"""The commands of `box-office` for those who run it."""

from typing import Annotated

import typer

from entrypoints import consumers as consumers_program
from entrypoints import worker as worker_program
from entrypoints.cli import answers, inputs
from entrypoints.cli.answers import asynchronous
from entrypoints.codec_server.app import serve_codec
from entrypoints.devstack.children import LOOPBACK
from entrypoints.observability.telemetry import configure
from entrypoints.processes import members, temporal_of
from entrypoints.settings import Settings
from entrypoints.temporal import connect_temporal
from entrypoints.webhooks.app import serve
from entrypoints.wiring import (
    BoxOffice,
    box_office,
    migrate_database,
    open_payments,
    rebuild_views,
    unended_bookings,
    untold_payments,
    verify_all,
)
from ticketing.errors import TransientError
from ticketing.payment.commands import ReceivePayment
from workflows.client import start_booking, start_payment
from workflows.encryption import key_ring

app = typer.Typer()

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
dead_letters = typer.Typer(no_args_is_help=True, help="Events that a consumer could not handle.")
app.add_typer(dead_letters, name="dead-letters")


@app.command()
@asynchronous
async def migrate(as_json: Json = False) -> None:
    """Bring the database's schemas forward."""
    applied = await migrate_database(Settings())
    text = f"applied {', '.join(applied)}" if applied else "up to date"
    answers.show({"applied": applied}, text, as_json=as_json)


@app.command()
@asynchronous
async def worker() -> None:
    """Run a Temporal worker until SIGTERM or Ctrl-C."""
    await worker_program.main()


@app.command()
@asynchronous
async def consumers() -> None:
    """Run the consumers of the log until SIGTERM or Ctrl-C."""
    await consumers_program.main()


@app.command()
@asynchronous
async def webhooks(host: str = LOOPBACK, port: int = 8410) -> None:
    """Receive the payment provider's notices by HTTP. Until SIGTERM or Ctrl-C."""
    configure("box-office-webhooks")
    await serve(Settings(), host=host, port=port)


@app.command("codec-server")
@asynchronous
async def codec_server(host: str = LOOPBACK, port: int = 8081) -> None:
    """Decode payloads for the Web UI and `temporal`. Until SIGTERM or Ctrl-C."""
    configure("box-office-codec-server")
    await serve_codec(Settings(), host=host, port=port)


@app.command("client-filter")
def client_filter(
    client: Annotated[str, typer.Argument(metavar="CLIENT")], as_json: Json = False
) -> None:
    """The Web UI's filter for a client's bookings. With encryption it knows only pseudonyms."""
    names = key_ring(Settings().payload_keys).pseudonyms(inputs.client_id(client, "CLIENT"))
    query = f"ClientId IN ({', '.join(map(repr, names))})"
    answers.show({"query": query}, query, as_json=as_json)


@app.command()
@asynchronous
async def verify(as_json: Json = False) -> None:
    """Check the invariants over the whole database. Exit code 6 with findings."""
    async with box_office(Settings()) as parts:
        findings = await verify_all(parts)
    if findings:
        raise answers.CommandFailed(
            answers.FINDINGS, "Findings", "\n".join(findings), {"findings": findings}
        )
    answers.show({"findings": []}, "clean: every invariant holds", as_json=as_json)


@app.command("rebuild-views")
@asynchronous
async def rebuild(as_json: Json = False) -> None:
    """Empty the views and fold the log again. In the foreground."""
    async with box_office(Settings()) as parts:
        events = await rebuild_views(parts)
    answers.show({"events": events}, f"rebuilt from {events} events", as_json=as_json)


@app.command("restart-processes")
@asynchronous
async def restart_processes(as_json: Json = False) -> None:
    """Start a process for whatever has not ended.

    For each booking and payment; running ones stay. Also for money that the provider took and did
    not tell us of.
    """
    settings = Settings()
    if settings.process == "choreographed":  # two drivers of one deployment would be too many
        raise answers.CommandFailed(
            answers.BAD_INPUT,
            "NoProcesses",
            "The choreography has no processes: its consumers and sweeps find what is open.",
            {},
        )
    client = await connect_temporal(settings)
    bookings: list[str] = []
    payments: list[str] = []
    async with box_office(settings) as parts:
        for placed in await unended_bookings(parts):
            await start_booking(client, settings.task_queue, placed)
            bookings.append(placed.booking_id)
        for received in (*await open_payments(parts), *await _untold(parts)):
            await start_payment(client, settings.task_queue, received, again=True)
            payments.append(received.payment_id)
    have = answers.counted(len(bookings), "booking"), answers.counted(len(payments), "payment")
    text = f"{' and '.join(have)} have a process"
    answers.show({"bookings": bookings, "payments": payments}, text, as_json=as_json)


async def _untold(parts: BoxOffice) -> list[ReceivePayment]:
    """Not worth failing for: the next run looks again."""
    try:
        return await untold_payments(parts)
    except TransientError as error:
        typer.echo(f"Money without a notice was not looked for: {error}", err=True)
        return []


@app.command()
@asynchronous
async def lag(as_json: Json = False) -> None:
    """How far each consumer is behind the log."""
    async with box_office(Settings()) as parts:
        checkpoints = await parts.checkpoints.lag()
    behind: dict[str, int] = {}
    for each in checkpoints:
        behind[each.consumer] = behind.get(each.consumer, 0) + each.head - each.position
    text = "\n".join(
        f"{name:28} {answers.counted(events, 'event')} behind" for name, events in behind.items()
    )
    answers.show(behind, text or "no consumer has run yet", as_json=as_json)


@dead_letters.command("list")
@asynchronous
async def list_dead_letters(as_json: Json = False) -> None:
    """Every event that is parked: who could not handle it, and why."""
    async with box_office(Settings()) as parts:
        letters = await parts.checkpoints.dead_letters()
    rows = [
        {
            "consumer": each.consumer,
            "stream": each.stream,
            "slice": each.slice,
            "position": each.position,
            "attempts": each.attempts,
            "error": each.error,
        }
        for each in letters
    ]
    lines = [f"{each.consumer:28} {each.stream:46} {each.error}" for each in letters]
    answers.show(rows, "\n".join(lines) or "nothing is parked", as_json=as_json)


@dead_letters.command("retry")
@asynchronous
async def retry_dead_letters(as_json: Json = False) -> None:
    """Handle the parked events again, each stream in order."""
    settings = Settings()
    async with box_office(settings) as parts:
        consumers = members(settings, parts, await temporal_of(settings))
        handled = sum([await each.retry_parked() for each in consumers])
        left = len(await parts.checkpoints.dead_letters())
    text = f"{handled} handled, {left} still parked"
    answers.show({"handled": handled, "parked": left}, text, as_json=as_json)
