"""Real mail: our sender and the sandbox's server, each told what to do by the other's wire only."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import get_args

import asyncpg
import pytest
from aiosmtplib import SMTPDataError, SMTPException
from temporalio.client import Client

from entrypoints.settings import Settings
from entrypoints.temporal import worker
from entrypoints.wiring import box_office
from tests.support.controls import ADA, BOOKING_ID, DEADLINE, PAYMENT_ID, PLACE, SEATS, TOTAL
from tests.support.mail_sink import MailSink, mail_sink_in
from tests.support.patience import SOON_SECONDS
from ticketing.notifications.api import Notification, NotificationKind, Unsent
from ticketing.notifications.postgres import PostgresNotifier
from ticketing.notifications.smtp import SmtpSender
from ticketing.notifications.texts import text_of
from workflows.client import OrchestratedBookingProcess

ROOT = Path(__file__).parents[3]
ACTIVITY_SECONDS = 3.0  # workflows/activity_options.py
OURS, THEIRS = "tickets@box-office.example", "clients.example"
KINDS: tuple[NotificationKind, ...] = get_args(NotificationKind)
REASONS = {
    "denied": "sales_closed",
    "cancelled": "Ada is ill: grippé",
    "refunded": "booking_denied",
}

# Marks a notification and dies of SIGKILL while the server lets it wait.
TELLS = """
import asyncio, sys
import asyncpg
from ticketing.notifications.api import Notification
from ticketing.notifications.postgres import PostgresNotifier
from ticketing.notifications.smtp import SmtpSender

async def main(database, smtp_url, notification):
    send = SmtpSender(smtp_url, mail_from="us@here.example", domain="there.example").send
    async with asyncpg.create_pool(database, min_size=1) as pool:
        await PostgresNotifier(pool, send).notify(Notification.model_validate_json(notification))

asyncio.run(main(*sys.argv[1:]))
"""


def about(kind: NotificationKind) -> Notification:
    return Notification(
        kind=kind,
        about=PAYMENT_ID if kind == "refunded" else BOOKING_ID,
        booking_id=BOOKING_ID,
        client_id=ADA,
        seats=SEATS,
        total=TOTAL,
        expires_at=DEADLINE,
        reason=REASONS.get(kind),
    )


def sender(smtp_url: str) -> SmtpSender:
    return SmtpSender(smtp_url, mail_from=OURS, domain=THEIRS)


@pytest.fixture
def notifier(pool: asyncpg.Pool, mail_sink: MailSink) -> PostgresNotifier:
    return PostgresNotifier(pool, sender(mail_sink.smtp_url).send)


async def keys(notifier: PostgresNotifier) -> list[tuple[NotificationKind, str]]:
    return [(unsent.kind, unsent.about) for unsent in await notifier.unsent()]


async def test_each_kind_has_its_own_words(notifier: PostgresNotifier, mail_sink: MailSink) -> None:
    for kind in KINDS:
        assert await notifier.notify(about(kind))
        assert not await notifier.notify(about(kind))
    arrived = await mail_sink.messages()
    texts = [text_of(about(kind)) for kind in KINDS]
    assert [(mail.subject, mail.text) for mail in arrived] == [(t.subject, t.body) for t in texts]
    assert {mail.to for mail in arrived} == {"ada@clients.example"}
    assert (
        arrived[0].headers.items()
        >= {
            "From": "Box Office <tickets@box-office.example>",
            "To": "ada@clients.example",
            "Date": arrived[0].date,
            "Message-ID": "<confirmed.ada-1@box-office.example>",
            "Auto-Submitted": "auto-generated",
            "X-Box-Office-Booking": "ada-1",
        }.items()
    )
    assert await notifier.unsent() == ()


async def test_a_duplicate_has_the_id_of_its_original(mail_sink: MailSink) -> None:
    for kind in ("settled", "settled", "expired"):
        await sender(mail_sink.smtp_url).send(about(kind))
    ids = [mail.headers["Message-ID"] for mail in await mail_sink.messages()]
    assert ids[0] == ids[1] != ids[2]


async def test_mail_is_found_by_client_and_booking_and_outlives_a_kill(tmp_path: Path) -> None:
    async with mail_sink_in(tmp_path) as sink:
        await sender(sink.smtp_url).send(about("settled"))
        bob = {"client_id": "bob", "booking_id": "bob-1"}
        await sender(sink.smtp_url).send(about("settled").model_copy(update=bob))
        sink.process.kill()
        assert await sink.process.wait() == -signal.SIGKILL
    async with mail_sink_in(tmp_path) as sink:
        to_ada = await sink.messages(to="ada@clients.example")
        assert to_ada == await sink.messages(booking="ada-1")
        assert [mail.subject for mail in to_ada] == ["Your tickets for booking ada-1"]
        assert len(await sink.messages()) == 2
        assert await sink.messages(to="ada@clients.example", booking="bob-1") == []
        assert await sink.process.stop() == 0


async def test_h48_a_refused_message_is_not_sent_again_and_visible(
    notifier: PostgresNotifier, mail_sink: MailSink
) -> None:
    await mail_sink.plan(refuse=1)
    with pytest.raises(SMTPDataError, match="not now"):
        await notifier.notify(about("expired"))
    assert not await notifier.notify(about("expired"))
    assert await notifier.notify(about("cancelled"))
    assert [mail.subject for mail in await mail_sink.messages()] == [
        "Your booking ada-1 is cancelled"
    ]
    assert await keys(notifier) == [("expired", "ada-1")]


async def test_h48_a_process_killed_while_it_sends_is_not_followed_by_a_second_message(
    database: str, notifier: PostgresNotifier, mail_sink: MailSink
) -> None:
    await mail_sink.plan(silent=1)
    telling = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", TELLS, database, mail_sink.smtp_url),
        about("settled").model_dump_json(),
        cwd=ROOT,
    )
    await mail_sink.until_silent()
    telling.kill()
    assert await telling.wait() == -signal.SIGKILL
    assert not await notifier.notify(about("settled"))
    assert await mail_sink.messages() == []
    assert await keys(notifier) == [("settled", "ada-1")]


async def test_without_the_mark_before_a_failed_message_would_be_sent_again(
    notifier: PostgresNotifier, mail_sink: MailSink, pool: asyncpg.Pool
) -> None:
    await mail_sink.plan(refuse=1)
    with pytest.raises(SMTPDataError):
        await notifier.notify(about("expired"))
    await pool.execute("DELETE FROM notifications.mark")
    assert await notifier.notify(about("expired"))


@asynccontextmanager
async def never_greets() -> AsyncIterator[str]:
    hung_up = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        hung_up.set()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with server:
        yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await hung_up.wait()


async def test_a_hanging_server_takes_less_time_than_the_activity(mail_sink: MailSink) -> None:
    async def times_out(smtp_url: str) -> None:
        with pytest.raises(TimeoutError):
            await sender(smtp_url).send(about("settled"))

    await mail_sink.plan(silent=1)
    async with (
        never_greets() as deaf,
        asyncio.timeout(ACTIVITY_SECONDS),
        asyncio.TaskGroup() as both,
    ):
        both.create_task(times_out(mail_sink.smtp_url))
        both.create_task(times_out(deaf))


async def test_the_server_stops_although_somebody_waits_for_it(mail_sink: MailSink) -> None:
    await mail_sink.plan(silent=1)
    waiting = asyncio.create_task(sender(mail_sink.smtp_url).send(about("settled")))
    await mail_sink.until_silent()
    assert await mail_sink.process.stop() == 0
    with pytest.raises(SMTPException, match=r"EOF|lost"):
        await waiting


async def test_nothing_is_said_without_tls_where_it_is_needed(mail_sink: MailSink) -> None:
    for server, trouble in (("smtp://box:secret@", "STARTTLS"), ("smtps://", "SSL")):
        url = mail_sink.smtp_url.replace("smtp://", server)
        with pytest.raises(SMTPException, match=trouble):
            await sender(url).send(about("settled"))
    assert await mail_sink.messages() == []


async def test_a_booking_ends_as_it_should_while_the_mail_server_is_down(
    database: str, client: Client, task_queue: str, mail_sink: MailSink
) -> None:
    await mail_sink.process.stop()
    settings = Settings(database_url=database, task_queue=task_queue, smtp_url=mail_sink.smtp_url)
    async with box_office(settings) as parts, worker(client, settings, parts):
        process = OrchestratedBookingProcess(client, task_queue, patience=settings.client_patience)
        decision = await process.place(PLACE)
        assert (decision.status, decision.reason) == ("denied", "unknown_concert")
        handle = client.get_workflow_handle("booking-ada-1")
        async with asyncio.timeout(SOON_SECONDS):
            assert (await handle.result())["status"] == "denied"
        [unsent] = await parts.notifier.unsent()
    assert unsent == Unsent(kind="denied", about="ada-1", marked_at=unsent.marked_at)
