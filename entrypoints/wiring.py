"""What is plugged where: settings to pool, stores, handlers, consumers. The worker: temporal.py."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
from aiohttp import ClientSession
from pydantic import SecretStr
from temporalio.client import Client

from entrypoints.observability.metrics import Metrics
from entrypoints.roles import admit, grant
from entrypoints.settings import Settings
from eventstore.api import Head, StoredEvent
from eventstore.consumer import Consumer, Subscription
from eventstore.delivery import ExactlyOnceEffect
from eventstore.postgres.chain import heads
from eventstore.postgres.checkpoints import PostgresCheckpointStore
from eventstore.postgres.doorbell import PostgresDoorbell
from eventstore.postgres.log import OUTCOMES, PostgresEventStore
from eventstore.postgres.migrate import migrate
from eventstore.postgres.verify import verify_log, verify_published
from eventstore.rebuild import rebuild
from eventstore.slices import Category
from ticketing.command_handler import (
    BOOKING_CODEC,
    PAYMENT_CODEC,
    BookingHandler,
    PaymentHandler,
    booking_handler,
    payment_handler,
)
from ticketing.metrics import postgres as metrics_of_the_database
from ticketing.metrics.api import Samples
from ticketing.notice_receiver import NoticeReceiver
from ticketing.notifications import log as notification_log
from ticketing.notifications.api import Sender
from ticketing.notifications.postgres import PostgresNotifier
from ticketing.notifications.smtp import SmtpSender
from ticketing.payment_provider.api import PaymentProvider
from ticketing.payment_provider.postgres import PostgresNoticeInbox
from ticketing.payment_provider.sandbox import SandboxProvider
from ticketing.policies import ProcessTerms
from ticketing.process import new_id
from ticketing.receipts import Receipts
from ticketing.reservations.postgres import PostgresReservations
from ticketing.verification.api import Verification
from ticketing.verification.postgres import PostgresVerification
from ticketing.views.api import BOOKING_PROJECTION, PAYMENT_PROJECTION
from ticketing.views.postgres import PostgresBookingViews, PostgresPaymentViews

ROOT = Path(__file__).parents[1]
MIGRATIONS = (ROOT / "eventstore" / "migrations", ROOT / "ticketing" / "migrations")
POOL_MAX = 20  # per process: five processes fit into Postgres' default of 100 connections
CONNECT_TIMEOUT = timedelta(seconds=5)  # a server on the network answers in milliseconds
STATEMENT_TIMEOUT = timedelta(seconds=5)  # no statement of ours takes longer on a healthy server
# Ours wait between two statements for milliseconds; whoever hangs there must let go of its locks.
IDLE_IN_TRANSACTION = timedelta(seconds=10)
ConsumerOfOurs: TypeAlias = Consumer[asyncpg.Connection]


@dataclass(frozen=True, slots=True)
class BoxOffice:
    """Everything that stands on the database."""

    pool: asyncpg.Pool
    store: PostgresEventStore
    checkpoints: PostgresCheckpointStore
    doorbell: PostgresDoorbell
    bookings: BookingHandler
    payments: PaymentHandler
    reservations: PostgresReservations
    provider: PaymentProvider
    receipts: Receipts
    views: PostgresBookingViews
    payment_views: PostgresPaymentViews
    notifier: PostgresNotifier
    notices: NoticeReceiver
    verification: Verification
    metrics: Metrics
    measure: Callable[[], Awaitable[Samples]]  # numbers of the whole database


@asynccontextmanager
async def box_office(settings: Settings) -> AsyncIterator[BoxOffice]:
    """Connects to the database for the length of the block."""
    async with (
        asyncpg.create_pool(
            str(settings.database_url),
            min_size=1,
            max_size=POOL_MAX,
            timeout=CONNECT_TIMEOUT.total_seconds(),
            command_timeout=STATEMENT_TIMEOUT.total_seconds(),
            server_settings={
                "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION.total_seconds():g}s"
            },
            reset=_nothing_to_reset,
        ) as pool,
        PostgresDoorbell(str(settings.database_url)) as doorbell,
        ClientSession() as session,
    ):
        metrics = Metrics(OUTCOMES)
        store = PostgresEventStore(pool, metrics.count_append)
        payments = payment_handler(store, doorbell)
        provider = SandboxProvider(str(settings.provider_url), session)
        inbox = PostgresNoticeInbox(pool, lambda tx: PostgresEventStore(tx, metrics.count_append))
        yield BoxOffice(
            pool=pool,
            store=store,
            checkpoints=PostgresCheckpointStore(pool),
            doorbell=doorbell,
            bookings=booking_handler(store, doorbell),
            payments=payments,
            reservations=PostgresReservations(pool),
            provider=provider,
            receipts=Receipts(payments, provider, inbox),
            views=PostgresBookingViews(pool),
            payment_views=PostgresPaymentViews(pool),
            notifier=PostgresNotifier(pool, _sender(settings)),
            notices=NoticeReceiver(inbox, doorbell),
            verification=PostgresVerification(pool, verify_log),
            metrics=metrics,
            measure=partial(metrics_of_the_database.measure, pool),
        )


async def _nothing_to_reset(_: asyncpg.Connection) -> None:
    """No statement of ours leaves anything in a session; the driver rolls back what is open.

    Its own reset would be one more round trip after each statement.
    """


def needs_of(parts: BoxOffice, client: Client | None) -> dict[str, Callable[[], Awaitable[object]]]:
    """Return a question to each server that a process needs; Temporal is one with a client."""
    needs: dict[str, Callable[[], Awaitable[object]]] = {
        "postgres": lambda: parts.store.heads(Category("payment"))
    }
    if client is not None:
        needs["temporal"] = client.service_client.check_health
    return needs


def projections(parts: BoxOffice) -> list[Subscription[asyncpg.Connection]]:
    """What keeps `views.booking` and `views.payment` up to date."""

    async def project(tx: asyncpg.Connection, stored: StoredEvent) -> None:
        await parts.views.project(tx, stored, BOOKING_CODEC.decode(stored))

    async def project_payment(tx: asyncpg.Connection, stored: StoredEvent) -> None:
        await parts.payment_views.project(tx, stored, PAYMENT_CODEC.decode(stored))

    return [
        Subscription(BOOKING_PROJECTION, Category("booking"), ExactlyOnceEffect(project)),
        Subscription(PAYMENT_PROJECTION, Category("payment"), ExactlyOnceEffect(project_payment)),
    ]


async def rebuild_views(parts: BoxOffice) -> int:
    """Empty the views and fold the log again, each in one transaction; the number of events."""
    again = partial(rebuild, store=parts.store, checkpoints=parts.checkpoints)
    bookings, payments = projections(parts)
    return await again(bookings, parts.views.clear) + await again(
        payments, parts.payment_views.clear
    )


async def log_heads(parts: BoxOffice) -> Sequence[Head]:
    """Where every slice of the log ends."""
    return await heads(parts.pool)


async def verify_log_continues(parts: BoxOffice, published: Sequence[Head]) -> list[str]:
    """Where the log is not the one that had these heads, a line each."""
    return list(map(str, await verify_published(parts.pool, published)))


def consumer(parts: BoxOffice, of: Subscription[asyncpg.Connection]) -> ConsumerOfOurs:
    """One member of a consumer."""
    return Consumer(
        of,
        member=UUID(new_id()),
        store=parts.store,
        checkpoints=parts.checkpoints,
        doorbell=parts.doorbell,
    )


def terms(settings: Settings) -> ProcessTerms:
    return ProcessTerms(
        confirmation_timeout=timedelta(seconds=settings.confirmation_timeout_seconds),
        reminder_before=timedelta(seconds=settings.reminder_before_seconds),
        expiry_grace=timedelta(seconds=settings.expiry_grace_seconds),
        late_payment=settings.late_payment,
        signals_are_checked=True,
        reserves_at_once=True,
    )


async def migrate_database(settings: Settings) -> list[str]:
    """Bring schemas and grants forward; return the names of the migrations that were missing."""
    async with _connected(settings) as connection:
        applied = list(await migrate(connection, MIGRATIONS))
        await grant(connection)
        return applied


async def admit_programs(settings: Settings, passwords: Mapping[str, SecretStr]) -> None:
    """Let roles log in with these passwords; the settings' own is an administrator's."""
    async with _connected(settings) as connection:
        await admit(connection, passwords)


@asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(
        str(settings.database_url), timeout=CONNECT_TIMEOUT.total_seconds()
    )
    try:
        yield connection
    finally:
        await connection.close()


def _sender(settings: Settings) -> Sender:
    if not settings.smtp_url:
        return notification_log.send
    return SmtpSender(
        settings.smtp_url,
        mail_from=settings.mail_from,
        domain=settings.mail_domain,
        tls=settings.needs_tls("smtp", urlsplit(settings.smtp_url).hostname or ""),
    ).send
