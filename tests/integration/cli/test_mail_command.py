"""`box-office mail` against the sandbox's server."""

import json

import asyncpg
import pytest

from entrypoints.devstack.children import free_port
from tests.support.controls import ADA, BOOKING_ID, FREE, SEATS
from tests.support.mail_sink import MailSink
from tests.support.terminal import Ran, run
from ticketing.ids import BookingId, ClientId
from ticketing.notifications.api import Notification
from ticketing.notifications.postgres import PostgresNotifier
from ticketing.notifications.smtp import SmtpSender

SETTLED = Notification(
    kind="settled", about=BOOKING_ID, booking_id=BOOKING_ID, client_id=ADA, seats=SEATS, total=FREE
)
BOBS = SETTLED.model_copy(
    update={"about": "bob-1", "booking_id": BookingId("bob-1"), "client_id": ClientId("bob")}
)


async def mail(*arguments: str) -> Ran:
    return await run("mail", *arguments)


async def test_mail_shows_what_a_client_was_told(
    mail_sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOX_OFFICE_MAIL_URL", mail_sink.http_url)
    send = SmtpSender(mail_sink.smtp_url, mail_from="us@here.example", domain="clients.example")
    for notification in (SETTLED, BOBS):
        await send.send(notification)
    [adas] = json.loads((await mail("--client", "ada", "--json")).stdout)
    assert (adas["to"], adas["subject"]) == (
        "ada@clients.example",
        "Your tickets for booking ada-1",
    )
    text = (await mail("--booking", "bob-1")).stdout
    assert "bob@clients.example\n  Your tickets for booking bob-1\n\n    Dear bob," in text
    assert "ada" not in text
    assert (await mail()).stdout.count("Your tickets") == 2
    assert (await mail("--client", "nobody")).stdout == "no mail\n"


async def test_mail_shows_what_could_not_be_sent(
    database: str, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOX_OFFICE_DATABASE_URL", database)
    assert (await mail("--unsent")).stdout == "everything was sent\n"
    nowhere = SmtpSender(
        f"smtp://127.0.0.1:{free_port()}", mail_from="us@here.example", domain="clients.example"
    )
    with pytest.raises(OSError, match="Error connecting"):
        await PostgresNotifier(pool, nowhere.send).notify(SETTLED)
    assert "settled          ada-1\n" in (await mail("--unsent")).stdout
    [unsent] = json.loads((await mail("--unsent", "--json")).stdout)
    assert (unsent["kind"], unsent["about"]) == ("settled", "ada-1")
    assert (await mail("--unsent", "--client", "ada")).exit_code == 2


async def test_a_mail_server_that_is_down_is_exit_code_5(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("BOX_OFFICE_MAIL_URL", url)
    answer = await mail("--json")
    assert answer.exit_code == 5
    error = json.loads(answer.stdout)["error"]
    assert (error["type"], error["address"]) == ("Unreachable", f"{url}/messages")
    assert "box-office mail --unsent" in (await mail()).stderr
