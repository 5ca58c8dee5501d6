"""The commands of `box-office` about what is on sale."""

from pathlib import Path
from typing import Annotated

import typer

from entrypoints.cli import answers, inputs
from entrypoints.cli.answers import Json, command
from entrypoints.cli.reads import views_caught_up
from entrypoints.settings import Settings
from entrypoints.wiring import box_office
from ticketing.ids import ConcertId
from ticketing.views.api import SeatState

MARKS: dict[SeatState, str] = {"free": ".", "held": "h", "sold": "S"}

app = typer.Typer()
concert_app = typer.Typer(no_args_is_help=True, help="Put concerts on sale, or list them.")
app.add_typer(concert_app, name="concert")


@command(concert_app, "add")
async def concert_add(
    file: Annotated[Path, typer.Argument(help="As entrypoints/devstack/concerts.json.")],
    as_json: Json = False,
) -> None:
    """Put the concerts of a JSON file on sale, or change them."""
    concerts = inputs.concerts(file)
    async with box_office(Settings()) as parts:
        for concert in concerts:
            await parts.reservations.add_concert(concert)
    ids = [concert.concert_id for concert in concerts]
    answers.show({"added": ids}, f"on sale: {', '.join(ids)}", as_json=as_json)


@command(concert_app, "list")
async def concert_list(as_json: Json = False) -> None:
    """List all concerts, the first to start first."""
    async with box_office(Settings()) as parts:
        concerts = await parts.reservations.concerts()
    lines = [
        f"{concert.concert_id:20} {concert.starts_at:%Y-%m-%d %H:%M} "
        f"{'open  ' if concert.sales_open else 'closed'} {concert.title}"
        for concert in concerts
    ]
    answers.show(concerts, *(lines or ["no concerts"]), as_json=as_json)


@command(app)
async def seats(
    concert_id: Annotated[str, typer.Argument(metavar="CONCERT")], as_json: Json = False
) -> None:
    """Show the seat map of a concert: free, held or sold."""
    wanted = inputs.identity(ConcertId, concert_id, "CONCERT")
    async with box_office(Settings()) as parts:
        await views_caught_up(parts)
        entries = await parts.views.seat_map(wanted)
    if not entries:
        answers.not_found("concert", concert_id)
    rows: dict[int, str] = {}
    for entry in entries:
        rows[entry.seat.row] = rows.get(entry.seat.row, "") + MARKS[entry.state]
    lines = [f"row {row:3}  {marks}" for row, marks in rows.items()]
    answers.show(entries, *lines, "         . free  h held  S sold", as_json=as_json)
