"""Text of others reaches a terminal in no form that moves its cursor or forges a line."""

import json
import subprocess
import sys
import unicodedata
from collections.abc import Sequence
from uuid import uuid4

import asyncpg
import pytest
from aiohttp import web

from entrypoints.demo import narrator
from entrypoints.errors import InvariantsBroken, StackError, exit_code
from entrypoints.settings import Settings
from entrypoints.terminal import visible
from entrypoints.wiring import box_office
from tests.support.builders import CONCERT, HOLD, PRICE, concert, place
from tests.support.http import answering
from tests.support.terminal import Ran, run
from ticketing.booking.commands import ConfirmBooking, DenyBooking
from ticketing.ids import BookingId
from ticketing.seats import Seat, Ticket

CONTROLS = [chr(code) for code in (*range(1, 0x20), *range(0x7F, 0xA0))]
TURNS = [chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]
LINES = ["\u2028", "\u2029"]
HIDDEN = {*CONTROLS, *TURNS, *LINES}
TURNING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
FORGED = "status      settled"
EVIL = f"ill\r\n{FORGED}\n{''.join(sorted(HIDDEN))}\x1b[2J"
PARK = """
INSERT INTO es.dead_letter (consumer, generation, slice, position, stream_id, attempts, error,
                            parked_at)
VALUES ('c', 1, 1, 1, 'booking-b1', 1, $1, es.now())
"""
LOG = """
import structlog, sys
sys.stderr.isatty = lambda: True
from entrypoints.observability.telemetry import configure_logging
configure_logging()
try:
    raise ValueError(sys.argv[1])
except ValueError:
    structlog.get_logger().exception(sys.argv[1], reason=sys.argv[1])
"""


@pytest.fixture(autouse=True)
async def _evil_data(database: str, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancelled and a denied booking, a concert and a parked event, each with the text."""
    monkeypatch.setenv("BOX_OFFICE_DATABASE_URL", database)
    monkeypatch.setenv("BOX_OFFICE_PROCESS", "choreographed")
    tickets = (Ticket(seat=Seat(row=1, number=1), price=PRICE),)
    async with box_office(Settings()) as parts:
        titled = concert(CONCERT, PRICE, HOLD).model_copy(update={"title": EVIL})
        await parts.reservations.add_concert(titled)
        for command in (
            place("b1", "1-1"),
            ConfirmBooking(booking_id=BookingId("b1"), tickets=tickets, expires_at=None),
            place("b2", "1-1"),
            DenyBooking(booking_id=BookingId("b2"), reason=EVIL),
        ):
            await parts.bookings.execute(command, command_id=uuid4(), metadata={})
    await pool.execute(PARK, EVIL)
    assert (await run("cancel", "b1", "--reason", EVIL)).exit_code == 0


def check(ran: Ran, at_least: int = 1) -> None:
    told = ran.stdout + ran.stderr
    assert not HIDDEN - {"\n"} & set(told)
    assert not any(line.startswith(FORGED) for line in told.splitlines())
    assert told.count(rf"ill\r\n{FORGED}") >= at_least


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "b1"),
        ("cancel", "b1", "--reason", EVIL),
        ("history", "b2"),
        ("concert", "list"),
        ("dead-letters", "list"),
        ("place", "--concert", CONCERT, "--client", "ann", "--seat", "1-1", "--id", "b2"),
        ("show", EVIL),
        (EVIL,),
    ],
    ids=lambda arguments: arguments[0][:12],
)
async def test_a_command_shows_it_in_one_line(arguments: Sequence[str]) -> None:
    check(await run(*arguments))
    as_json = await run(*arguments, "--json")
    assert json.loads(as_json.stdout)
    assert as_json.stdout.isascii()


async def test_mail_shows_it_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = {"to": EVIL, "date": EVIL, "subject": EVIL, "text": EVIL, "headers": {}}

    async def messages(_: web.Request) -> web.Response:
        return web.json_response([mail])

    async with answering(messages) as url:
        monkeypatch.setenv("BOX_OFFICE_MAIL_URL", url)
        check(await run("mail"), at_least=3)


async def test_pay_shows_it_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"error": "refused", "reason": EVIL}, status=402)

    async with answering(refuse) as url:
        monkeypatch.setenv("BOX_OFFICE_PROVIDER_URL", url)
        check(await run("pay", "b1"))


@pytest.mark.parametrize("failed", [InvariantsBroken([EVIL]), ValueError(EVIL)], ids=repr)
async def test_findings_and_defects_show_it_in_one_line(
    failed: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise failed

    exit_code(fail, as_json=False, debug=False)
    check(Ran(0, *capsys.readouterr()))
    exit_code(fail, as_json=False, debug=True)
    assert not HIDDEN - {"\n"} & set(capsys.readouterr().err)


def test_the_end_of_a_log_keeps_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise StackError("one\ntwo \x1b[2J")

    exit_code(fail, as_json=False)
    assert capsys.readouterr().err == "one\ntwo \\x1b[2J\n"


def test_the_demo_shows_it_in_one_line() -> None:
    with narrator.console.capture() as captured:
        for tell in (narrator.say, narrator.head, narrator.show):
            tell(EVIL)
    assert not HIDDEN - {"\n"} & set(captured.get())


def test_a_log_on_a_terminal_shows_it_in_one_line() -> None:
    ran = subprocess.run((sys.executable, "-c", LOG, EVIL), capture_output=True, check=True)
    told = ran.stderr.decode().replace("\x1b[", "")  # the log's own colours
    assert not HIDDEN - {"\n"} & set(told)
    assert not any(line.startswith(FORGED) for line in told.splitlines())


def test_names_of_people_are_shown_as_they_are() -> None:
    for name in (
        "Zoë Ærø",
        "李小龍",
        "a\u00a0b",
        "\u05d0\u05d1",
        "\u0645\u200c\u062e",
        "\N{FAMILY}\u200d",
    ):
        assert visible(name) == name


def test_whatever_turns_a_line_or_ends_it_is_shown() -> None:
    """Of all characters that Unicode has, not only of those that came to mind."""
    for character in map(chr, range(sys.maxunicode + 1)):
        turns = unicodedata.bidirectional(character) in TURNING
        ends = unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        assert not (turns or ends) or visible(character).isascii(), hex(ord(character))
