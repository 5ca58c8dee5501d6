"""What people type, checked: each mistake names its field and what is allowed."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from pydantic import TypeAdapter, ValidationError

from entrypoints.cli import answers
from ticketing.booking.events import BookingStatus
from ticketing.ids import BookingId, ClientId, ConcertId, PaymentId
from ticketing.money import AMOUNT_MINOR_MAX
from ticketing.reservations.api import Concert
from ticketing.seats import Seat

STATUSES = get_args(BookingStatus)
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
DURATION = re.compile(r"(?P<number>[1-9]\d{0,3})(?P<unit>[smhd])")

Since = Annotated[str, typer.Option(metavar="DURATION", help="As 90s, 30m, 12h or 7d.")]


def booking_id(text: str, field: str = "BOOKING") -> BookingId:
    return BookingId(_id(text, field))


def payment_id(text: str) -> PaymentId:
    return PaymentId(_id(text, "--payment-id"))


def client_id(text: str, field: str = "--client") -> ClientId:
    return ClientId(_id(text, field))


def concert_id(text: str, field: str = "--concert") -> ConcertId:
    return ConcertId(_id(text, field))


def seats(texts: list[str]) -> tuple[Seat, ...]:
    try:
        return tuple(map(Seat.parse, texts))
    except ValueError as error:
        answers.bad_input("--seat", str(error))


def status(text: str | None) -> BookingStatus | None:
    try:
        checked: BookingStatus | None = TypeAdapter(BookingStatus | None).validate_python(text)
    except ValidationError:
        answers.bad_input("--status", f"{text!r} is none of {', '.join(STATUSES)}")
    return checked


def amount_minor(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,19}", text) or int(text) > AMOUNT_MINOR_MAX:
        answers.bad_input(
            "--amount", f"{text!r} is no amount: 0 to {AMOUNT_MINOR_MAX} in the minor unit, as 1500"
        )
    return int(text)


def duration(text: str, field: str) -> timedelta:
    match = DURATION.fullmatch(text)
    if not match:
        answers.bad_input(
            field, f"{text!r} is no duration: 1 to 9999 and s, m, h or d, as 90s, 30m, 12h, 7d"
        )
    return timedelta(**{UNITS[match["unit"]]: int(match["number"])})


def concerts(file: Path) -> tuple[Concert, ...]:
    try:
        return TypeAdapter(tuple[Concert, ...]).validate_json(file.read_bytes())
    except OSError as error:
        answers.bad_input("FILE", f"{file} cannot be read: {error.strerror}")
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        answers.bad_input("FILE", f"{file}: {place + ': ' if place else ''}{first['msg']}")


def _id(text: str, field: str) -> str:
    try:
        checked: str = TypeAdapter[Any](BookingId).validate_python(text)
    except ValidationError:
        answers.bad_input(field, f"{text!r} is no id: 1 to 64 of A-Z a-z 0-9 _ -")
    return checked
