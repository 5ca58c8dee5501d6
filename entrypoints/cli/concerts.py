"""The commands of `box-office` about what is on sale."""

from pathlib import Path
from typing import Annotated

import typer

from entrypoints.cli import answers, inputs
from entrypoints.cli.answers import asynchronous
from entrypoints.cli.operations import Json
from entrypoints.cli.reads import views_caught_up
from entrypoints.settings import Settings
from entrypoints.wiring import box_office
from ticketing.views.api import SeatState

MARKS: dict[SeatState, str] = {"free": ".", "held": "h", "sold": "S"}

app = typer.Typer()
concert = typer.Typer(no_args_is_help=True, help="What is on sale.")
app.add_typer(concert, name="concert")


@concert.command("add")
@asynchronous
async def concert_add(
    file: Annotated[Path, typer.Argument(help="as entrypoints/devstack/concerts.json")],
    as_json: Json = False,
) -> None:
    """Put the concerts of a JSON file on sale, or change them."""
    concerts = inputs.concerts(file)
    async with box_office(Settings()) as parts:
        for each in concerts:
            await parts.reservations.add_concert(each)
    ids = [each.concert_id for each in concerts]
    answers.show({"added": ids}, f"on sale: {', '.join(ids)}", as_json=as_json)


@concert.command("list")
@asynchronous
async def concert_list(as_json: Json = False) -> None:
    """All concerts, by start."""
    async with box_office(Settings()) as parts:
        concerts = await parts.reservations.concerts()
    lines = [
        f"{each.concert_id:20} {each.starts_at:%Y-%m-%d %H:%M} "
        f"{'open  ' if each.sales_open else 'closed'} {each.title}"
        for each in concerts
    ]
    answers.show(concerts, "\n".join(lines) or "no concerts", as_json=as_json)


@app.command()
@asynchronous
async def seats(
    concert_id: Annotated[str, typer.Argument(metavar="CONCERT")], as_json: Json = False
) -> None:
    """The seat map of a concert: free, held or sold."""
    wanted = inputs.concert_id(concert_id, "CONCERT")
    async with box_office(Settings()) as parts:
        await views_caught_up(parts)
        entries = await parts.views.seat_map(wanted)
    if not entries:
        answers.not_found("concert", concert_id)
    rows: dict[int, str] = {}
    for each in entries:
        rows[each.seat.row] = rows.get(each.seat.row, "") + MARKS[each.state]
    lines = [f"row {row:3}  {marks}" for row, marks in rows.items()]
    text = "\n".join([*lines, "         . free  h held  S sold"])
    answers.show(entries, text, as_json=as_json)
