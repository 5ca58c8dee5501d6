"""What people type, checked: each mistake names its field and what is allowed."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, TypeVar, get_args

import typer
from pydantic import TypeAdapter, ValidationError

from entrypoints.cli import answers
from ticketing.booking.events import BookingStatus
from ticketing.ids import BookingId
from ticketing.money import AMOUNT_MINOR_MAX
from ticketing.reservations.api import Concert
from ticketing.seats import Seat

Identity = TypeVar("Identity")
ID = TypeAdapter[str](BookingId)  # every id has this form
FILE_BYTES_MAX = 1024**2  # thousands of concerts; a device has no end
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
DURATION = re.compile(r"(?P<number>[1-9]\d{0,3})(?P<unit>[smhd])")

Since = Annotated[str, typer.Option(metavar="DURATION", help="A duration: 90s, 30m, 12h or 7d.")]


def identity(of: Callable[[str], Identity], text: str, field: str = "BOOKING") -> Identity:
    try:
        return of(ID.validate_python(text))
    except ValidationError:
        answers.bad_input(field, f"{text!r} is no id: 1 to 64 of A-Z a-z 0-9 _ -")


def seats(texts: list[str]) -> tuple[Seat, ...]:
    try:
        return tuple(map(Seat.parse, texts))
    except ValueError as error:
        answers.bad_input("--seat", str(error))


def status(text: str | None) -> BookingStatus | None:
    try:
        checked: BookingStatus | None = TypeAdapter(BookingStatus | None).validate_python(text)
    except ValidationError:
        answers.bad_input("--status", f"{text!r} is none of {', '.join(get_args(BookingStatus))}")
    return checked


def amount_minor(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,19}", text) or int(text) > AMOUNT_MINOR_MAX:
        answers.bad_input(
            "--amount", f"{text!r} is no amount: 0 to {AMOUNT_MINOR_MAX} in the minor unit, as 1500"
        )
    return int(text)


def begin(since: str) -> str:
    """Return the instant from which a query of Temporal looks."""
    return (datetime.now(UTC) - duration("--since", since)).isoformat()


def duration(option: str, text: str) -> timedelta:
    match = DURATION.fullmatch(text)
    if not match:
        allowed = "1 to 9999 and s, m, h or d, as 90s, 30m, 12h, 7d"
        answers.bad_input(option, f"{text!r} is no duration: {allowed}")
    return timedelta(**{UNITS[match["unit"]]: int(match["number"])})


def concerts(file: Path) -> tuple[Concert, ...]:
    try:
        with file.open("rb") as opened:
            content = opened.read(FILE_BYTES_MAX + 1)
        if len(content) > FILE_BYTES_MAX:
            answers.bad_input("FILE", f"{file} has more than {FILE_BYTES_MAX} bytes")
        return TypeAdapter(tuple[Concert, ...]).validate_json(content)
    except OSError as error:
        answers.bad_input("FILE", f"{file} cannot be read: {error.strerror}")
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        answers.bad_input("FILE", f"{file}: {place + ': ' if place else ''}{first['msg']}")
