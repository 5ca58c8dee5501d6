"""The commands of `box-office` for those who run it."""

from typing import Annotated

import typer

from entrypoints import answers
from entrypoints.settings import Settings
from entrypoints.wiring import (
    box_office,
    connect_temporal,
    migrate_database,
    open_payments,
    rebuild_views,
    unended_bookings,
    verify_all,
)
from workflows.client import start_booking, start_payment

app = typer.Typer()

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


@app.command()
def migrate(as_json: Json = False) -> None:
    """Bring the database's schemas forward."""

    async def command() -> None:
        applied = await migrate_database(Settings())
        text = f"applied {', '.join(applied)}" if applied else "up to date"
        answers.show({"applied": applied}, text, as_json=as_json)

    answers.run(command(), as_json=as_json)


@app.command()
def verify(as_json: Json = False) -> None:
    """Check the invariants over the whole database; exit code 6 with findings."""

    async def command() -> None:
        async with box_office(Settings()) as parts:
            findings = await verify_all(parts)
        if findings:
            lines = "\n".join(str(each) for each in findings)
            data = {"findings": [str(each) for each in findings]}
            raise answers.CommandFailed(answers.FINDINGS, "Findings", lines, data)
        answers.show({"findings": []}, "clean: every invariant holds", as_json=as_json)

    answers.run(command(), as_json=as_json)


@app.command("rebuild-views")
def rebuild(as_json: Json = False) -> None:
    """Empty the views and fold the log again, in the foreground."""

    async def command() -> None:
        async with box_office(Settings()) as parts:
            events = await rebuild_views(parts)
        answers.show({"events": events}, f"rebuilt from {events} events", as_json=as_json)

    answers.run(command(), as_json=as_json)


@app.command("restart-processes")
def restart_processes(as_json: Json = False) -> None:
    """Start a process for each booking and payment that has not ended; running ones stay."""

    async def command() -> None:
        settings = Settings()
        client = await connect_temporal()
        started: list[str] = []
        payments: list[str] = []
        async with box_office(settings) as parts:
            for placed in await unended_bookings(parts):
                await start_booking(client, settings.task_queue, placed)
                started.append(placed.booking_id)
            for received in await open_payments(parts):
                await start_payment(client, settings.task_queue, received, again=True)
                payments.append(received.payment_id)
        text = f"{len(started)} bookings and {len(payments)} payments have a process"
        answers.show({"bookings": started, "payments": payments}, text, as_json=as_json)

    answers.run(command(), as_json=as_json)


@app.command()
def lag(as_json: Json = False) -> None:
    """How far each consumer is behind the log."""

    async def command() -> None:
        async with box_office(Settings()) as parts:
            checkpoints = await parts.checkpoints.lag()
        behind: dict[str, int] = {}
        for each in checkpoints:
            behind[each.consumer] = behind.get(each.consumer, 0) + each.head - each.position
        text = "\n".join(f"{name:28} {events} events behind" for name, events in behind.items())
        answers.show(behind, text or "no consumer has run yet", as_json=as_json)

    answers.run(command(), as_json=as_json)
