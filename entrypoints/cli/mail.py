"""`box-office mail`: the mail that clients were sent, and the mail that could not be sent."""

from collections.abc import Sequence
from textwrap import indent
from typing import Annotated, Any

import aiohttp
import typer
from pydantic import TypeAdapter, ValidationError

from entrypoints.cli import answers, inputs
from entrypoints.cli.answers import Json, command
from entrypoints.errors import UNREACHABLE, Failure
from entrypoints.settings import Settings
from entrypoints.wiring import box_office
from ticketing.ids import BookingId, ClientId

TIMEOUT = aiohttp.ClientTimeout(total=5)  # seconds; the sandbox runs on this machine

app = typer.Typer()


MAILS = TypeAdapter(list[dict[str, Any]])  # with to, subject, date, text and headers


@command(app)
async def mail(
    client_id: Annotated[
        str | None, typer.Option("--client", help="Only mail to this client.")
    ] = None,
    booking_id: Annotated[str | None, typer.Option("--booking", help="About this booking.")] = None,
    unsent: Annotated[bool, typer.Option("--unsent", help="Mail that could not be sent.")] = False,
    as_json: Json = False,
) -> None:
    """Show the mail that clients were sent, the newest last."""
    if not unsent:
        mails = await _sent(Settings(), client_id, booking_id)
        lines = [line for mail in mails for line in _lines(mail)]
        answers.show(mails, *(lines or ["no mail"]), as_json=as_json)
        return
    if client_id or booking_id:
        answers.bad_input("--unsent", "lists everybody's, so neither --client nor --booking")
    async with box_office(Settings()) as parts:
        marks = await parts.notifier.unsent()
    lines = [f"{mark.marked_at:%Y-%m-%d %H:%M:%S} {mark.kind:16} {mark.about}" for mark in marks]
    answers.show(marks, *(lines or ["everything was sent"]), as_json=as_json)


async def _sent(
    settings: Settings, client_id: str | None, booking_id: str | None
) -> list[dict[str, Any]]:
    to = client_id and f"{inputs.identity(ClientId, client_id, '--client')}@{settings.mail_domain}"
    booking_id = booking_id and inputs.identity(BookingId, booking_id, "--booking")
    query = {name: value for name, value in (("to", to), ("booking", booking_id)) if value}
    url = f"{str(settings.mail_url).rstrip('/')}/messages"
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT, raise_for_status=True) as session,
            session.get(url, params=query) as response,
        ):
            return MAILS.validate_json(await response.read())
    except (aiohttp.ClientError, TimeoutError, ValidationError) as error:
        raise Failure(
            UNREACHABLE,
            "Unreachable",
            f"The sandbox's mail server ({url}) is unreachable: {error}. Start it with "
            "`box-office up`; `box-office mail --unsent` lists what could not be sent.",
            server="mail",
            address=url,
        ) from error


def _lines(mail: dict[str, Any]) -> Sequence[str]:
    """Return head and text; a line of the text is indented, so that it looks like no head."""
    text = indent(mail["text"], "    ").split("\n")
    return f"{mail['date']}  {mail['to']}", f"  {mail['subject']}", "", *text
