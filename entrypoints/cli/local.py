"""The commands of `box-office` that run the whole system on this machine."""

import sys
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated

import typer

from entrypoints.cli.answers import command
from entrypoints.demo.chapters import tell
from entrypoints.devstack.children import Home, claim, interruptible
from entrypoints.devstack.examples import put_on_sale
from entrypoints.devstack.stack import Ports, stack
from entrypoints.drill import rollout as drill
from entrypoints.errors import INTERRUPTED
from entrypoints.settings import Settings
from entrypoints.terminal import say
from entrypoints.wiring import box_office

PORTS = Ports(
    postgres=54329,
    temporal=7233,
    ui=8233,
    webhooks=8410,
    provider=8400,
    smtp=8525,
    mail=8526,
    worker_health=8411,
    worker_metrics=8412,
    consumers_health=8413,
    verify_health=8414,
    codec=8081,
)

DATA = Path(".data")  # where the default settings look for passwords
COMMANDS = ("place --concert concertA --client ann --seat 3-14 --id ann-1", "pay ann-1", "--help")

Process = Annotated[str | None, typer.Option(help="orchestrated or choreographed.")]

app = typer.Typer()


@command(app)
async def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack up at the end.")] = False,
    process: Process = None,
) -> None:
    """Play the whole story on a stack of its own, then exit."""
    settings = _settings_of(process)
    finished = await _in_a_fresh_home(lambda home: tell(home, settings, keep=keep))
    if not finished and not keep:
        sys.exit(INTERRUPTED)


@command(app, "deploy-drill")
async def deploy_drill(
    bookings: Annotated[
        int, typer.Option(min=20, max=500, help="The bookings in flight on version 1.")
    ] = 100,
) -> None:
    """Roll worker versions out and back.

    Bookings are in flight meanwhile, on a stack of its own.
    """
    if not await _in_a_fresh_home(lambda home: drill.tell(home, size=bookings)):
        sys.exit(INTERRUPTED)


@command(app)
async def up(
    data_dir: Annotated[
        Path, typer.Option(help="The directory of the data, kept between runs.")
    ] = DATA,
    temporal_port: int = PORTS.temporal,
    ui_port: int = PORTS.ui,
    base_port: Annotated[
        int | None,
        typer.Option(min=1024, max=65_500, help="The first of ten in a row, for other parts."),
    ] = None,
    process: Process = None,
) -> None:
    """Run the whole system until Ctrl-C.

    That is Postgres, Temporal with its Web UI, all our processes and the sandbox.
    """
    settings = _settings_of(process)
    ports = replace(_from(base_port), temporal=temporal_port, ui=ui_port)
    async with claim(data_dir) as home:
        _say(f"Starting in {data_dir}:")
        await interruptible(_up(home, settings, ports), home, _say)
    _say(f"Stopped; {data_dir} is kept.")


def _from(base_port: int | None) -> Ports:
    """Return the usual ports, or ports in a row for all parts but Temporal and its Web UI."""
    if base_port is None:
        return PORTS
    others = [field.name for field in fields(Ports) if field.name not in ("temporal", "ui")]
    return replace(PORTS, **{name: base_port + number for number, name in enumerate(others)})


async def _in_a_fresh_home(tell: Callable[[Home], Coroutine[None, None, None]]) -> bool:
    """Tell a story in a directory that is removed; return whether it came to its end."""
    with tempfile.TemporaryDirectory(prefix="box-office-", ignore_cleanup_errors=True) as where:
        async with claim(Path(where)) as home:
            return await interruptible(tell(home), home, _say)


def _settings_of(process: str | None) -> Settings:
    return Settings.model_validate({"process": process} if process else {})


async def _up(home: Home, settings: Settings, ports: Ports) -> None:
    async with stack(home, settings, ports, _say) as running:
        async with box_office(running.settings) as parts:
            await put_on_sale(parts)
            concerts = await parts.reservations.concerts()
        _say(f"On sale: {', '.join(concert.concert_id for concert in concerts)}")
        exported = (ports, settings, home.directory) != (PORTS, Settings(), DATA)
        _say(running.how_to_use(*COMMANDS, exported=exported))
        _say("Ctrl-C stops everything; the next `make up` goes on where this one was.")
        await running.watch()


def _say(text: str) -> None:
    say(*text.split("\n"))
