"""The commands of `box-office` for operators."""

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from pydantic import SecretStr

from entrypoints.cli import answers, inputs
from entrypoints.cli.answers import Json, command
from entrypoints.cli.log_digest import published_heads
from entrypoints.cli.skipping import Skipped
from entrypoints.codec_server.app import serve_codec
from entrypoints.consumers import run_consumers
from entrypoints.errors import BadSetting, InvariantsBroken
from entrypoints.observability.telemetry import configure
from entrypoints.processes import members, temporal_of
from entrypoints.roles import LOGINS, name_of
from entrypoints.settings import LOOPBACK, Settings
from entrypoints.temporal import connect_temporal, run_worker
from entrypoints.terminal import say
from entrypoints.verifier import run_verifier, verify_once
from entrypoints.webhooks.app import serve
from entrypoints.wiring import (
    BoxOffice,
    admit_programs,
    box_office,
    migrate_database,
    rebuild_views,
    verify_log_continues,
)
from eventstore.errors import TransientError
from ticketing.ids import BookingId, ClientId, PaymentId, booking_stream, payment_stream
from ticketing.payment.commands import ReportPayment
from ticketing.process import new_id
from ticketing.reconciliation import (
    open_payments,
    unended_bookings,
    unreported_captures,
)
from workflows.client import start_booking, start_payment
from workflows.encryption import key_ring

Digest = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Check that the log continues what `log-digest` printed."),
]

PASSWORD_CHARACTERS_MIN = 16  # fewer can be guessed by whoever has copied the cluster
LETTER = ("consumer", "stream", "slice", "position", "attempts", "error")  # what is shown of one

app = typer.Typer()
dead_letters = typer.Typer(
    no_args_is_help=True, help="List or retry events that a consumer could not handle."
)
app.add_typer(dead_letters, name="dead-letters")


@command(app)
async def migrate(as_json: Json = False) -> None:
    """Apply missing migrations to the database."""
    applied = await migrate_database(Settings())
    text = f"applied {', '.join(applied)}" if applied else "up to date"
    answers.show({"applied": applied}, text, as_json=as_json)


@command(app)
async def logins(as_json: Json = False) -> None:
    """Let the programs log in to the database.

    Each gets a role of its own, with the password in BOX_OFFICE_LOGIN_PASSWORDS. Run it before the
    first `migrate`, and again to change a password; BOX_OFFICE_DATABASE_URL is an administrator's.
    """
    settings = Settings()
    passwords = _passwords(settings)
    await admit_programs(settings, passwords)
    text = f"{', '.join(passwords) or 'nobody else'} can log in now"
    answers.show({"logins": list(passwords)}, text, as_json=as_json)


def _passwords(settings: Settings) -> dict[str, SecretStr]:
    """Return the password of each role by its name in the database."""
    pairs = [secret.get_secret_value().partition(":") for secret in settings.login_passwords]
    for role, _, password in pairs:
        is_good = len(password) >= PASSWORD_CHARACTERS_MIN and password.isascii()
        if name_of(role) not in LOGINS or not is_good:
            roles = ", ".join(login.removeprefix(name_of("")) for login in LOGINS)
            characters = f"{PASSWORD_CHARACTERS_MIN} ASCII characters or more"
            allowed = f"role:password,... for {roles}; {characters}"
            raise BadSetting("BOX_OFFICE_LOGIN_PASSWORDS", allowed)
    return {name_of(role): SecretStr(password) for role, _, password in pairs}


@command(app)
async def worker() -> None:
    """Run a Temporal worker until SIGTERM or Ctrl-C."""
    await run_worker()


@command(app)
async def consumers() -> None:
    """Run the consumers of the log until SIGTERM or Ctrl-C."""
    await run_consumers()


@command(app)
async def webhooks(host: str = LOOPBACK, port: int = 8410) -> None:
    """Receive the payment provider's webhooks.

    Runs until SIGTERM or Ctrl-C.
    """
    configure("box-office-webhooks")
    await serve(Settings(), host=host, port=port)


@command(app, "codec-server")
async def codec_server(host: str = LOOPBACK, port: int = 8081) -> None:
    """Decode payloads for the Web UI.

    Runs until SIGTERM or Ctrl-C, and serves the command `temporal` as well.
    """
    configure("box-office-codec-server")
    await serve_codec(Settings(), host=host, port=port)


@app.command("client-filter")
def client_filter(
    client: Annotated[str, typer.Argument(metavar="CLIENT")], as_json: Json = False
) -> None:
    """Print the Web UI's filter for a client.

    With encryption the Web UI knows clients by pseudonyms only.
    """
    names = key_ring(Settings().payload_keys).pseudonyms(
        inputs.identity(ClientId, client, "CLIENT")
    )
    query = f"ClientId IN ({', '.join(map(repr, names))})"
    answers.show({"query": query}, query, as_json=as_json)


@command(app)
async def verify(
    every: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="Verify again and again with this pause, as 5m, and show the findings as metrics.",
        ),
    ] = None,
    digest: Digest = None,
    as_json: Json = False,
) -> None:
    """Check the invariants of the whole system.

    That is the database, the provider's ledger and the processes. Findings make the exit code 6.
    With --every it runs until SIGTERM or Ctrl-C.
    """
    if every is not None:
        await run_verifier(inputs.duration("--every", every))
        return
    settings, published = Settings(), published_heads(digest) if digest else ()
    async with box_office(settings) as parts:
        findings: list[object] = [*await verify_log_continues(parts, published)]
        try:
            findings += await verify_once(settings, parts)
        except TransientError as unread:
            if not findings:
                raise
            findings.append(unread)
    if findings:
        raise InvariantsBroken(findings)
    answers.show({"findings": []}, "clean: every invariant holds", as_json=as_json)


@command(app, "rebuild-views")
async def rebuild(as_json: Json = False) -> None:
    """Empty the views and build them again from the log."""
    async with box_office(Settings()) as parts:
        events = await rebuild_views(parts)
    answers.show({"events": events}, f"rebuilt from {events} events", as_json=as_json)


@command(app, "restart-processes")
async def restart_processes(as_json: Json = False) -> None:
    """Start the workflows that are missing.

    Start workflows for all unfinished bookings and payments, including captures whose webhook
    never arrived. Workflows that run are left alone. The choreography has no workflows: such
    captures are reported to its consumers. What cannot be read is skipped and named, and makes the
    exit code 6.
    """
    settings = Settings()
    if settings.process == "choreographed":  # two drivers of one deployment would be too many
        await _report_captures(settings, as_json=as_json)
        return
    client, skipped = await connect_temporal(settings), Skipped()
    bookings: list[BookingId] = []
    payments: list[PaymentId] = []
    async with box_office(settings) as parts:
        verification, naming = parts.verification, skipped.naming
        for booking in await unended_bookings(verification, parts.bookings, naming):
            with naming(f"process {booking_stream(booking.booking_id)!r}"):
                await start_booking(client, settings.task_queue, booking)
                bookings.append(booking.booking_id)
        unfinished = await open_payments(verification, naming)
        for payment in (*unfinished, *await _unreported(parts, skipped)):
            with naming(f"process {payment_stream(payment.payment_id)!r}"):
                await start_payment(client, settings.task_queue, payment, again=True)
                payments.append(payment.payment_id)
    have = answers.counted(len(bookings), "booking"), answers.counted(len(payments), "payment")
    text = f"{' and '.join(have)} have a process"
    skipped.show({"bookings": bookings, "payments": payments}, text, as_json=as_json)


async def _report_captures(settings: Settings, *, as_json: bool) -> None:
    """Report captures without a webhook; the consumers and sweeps find whatever else is open."""
    skipped = Skipped()
    async with box_office(settings) as parts:
        reports = await _unreported(parts, skipped)
        for report in reports:
            await parts.payments.execute(
                report, command_id=UUID(new_id()), metadata={"via": "operator"}
            )
    payments = [report.payment_id for report in reports]
    text = f"{answers.counted(len(payments), 'payment')} reported to the consumers"
    skipped.show({"payments": payments}, text, as_json=as_json)


async def _unreported(parts: BoxOffice, skipped: Skipped) -> list[ReportPayment]:
    """Return captures without a webhook; none if the provider does not answer."""
    try:
        ledger = await parts.provider.ledger()
    except TransientError as error:
        say(f"Money without a notice was not looked for: {error}", to=sys.stderr)
        return []
    skipped += [f"the provider's payment is skipped: {of}" for of in ledger.unreadable]
    return await unreported_captures(parts.verification, ledger)


@command(app)
async def lag(as_json: Json = False) -> None:
    """Show how many events each consumer is behind the log."""
    async with box_office(Settings()) as parts:
        checkpoints = await parts.checkpoints.lag()
    behind = Counter[str]()
    for checkpoint in checkpoints:
        behind[checkpoint.consumer] += checkpoint.head - checkpoint.position
    lines = [
        f"{name:28} {answers.counted(events, 'event')} behind" for name, events in behind.items()
    ]
    answers.show(behind, *(lines or ["no consumer has run yet"]), as_json=as_json)


@command(dead_letters, "list")
async def list_dead_letters(as_json: Json = False) -> None:
    """List the parked events and their errors."""
    async with box_office(Settings()) as parts:
        letters = await parts.checkpoints.dead_letters()
    rows = [{name: getattr(letter, name) for name in LETTER} for letter in letters]
    lines = [f"{letter.consumer:28} {letter.stream:46} {letter.error}" for letter in letters]
    answers.show(rows, *(lines or ["nothing is parked"]), as_json=as_json)


@command(dead_letters, "retry")
async def retry_dead_letters(as_json: Json = False) -> None:
    """Handle the parked events again, each stream in order."""
    settings = Settings()
    async with box_office(settings) as parts:
        consumers = members(settings, parts, await temporal_of(settings))
        handled = sum([await consumer.retry_parked() for consumer in consumers])
        left = len(await parts.checkpoints.dead_letters())
    text = f"{handled} handled, {left} still parked"
    answers.show({"handled": handled, "parked": left}, text, as_json=as_json)
