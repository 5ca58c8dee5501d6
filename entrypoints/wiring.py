"""What is plugged where: settings to pool, stores, handlers, consumers. The worker: temporal.py."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeAlias, get_args
from uuid import UUID

import asyncpg
from aiohttp import ClientSession
from temporalio.client import Client

from entrypoints.observability.metrics import Metrics
from entrypoints.settings import Settings
from eventstore.api import Bell, EventStore, StoredEvent
from eventstore.codec import Codec
from eventstore.consumer import Consumer, Subscription
from eventstore.delivery import AtLeastOnce, ExactlyOnceEffect
from eventstore.postgres.checkpoints import PostgresCheckpointStore
from eventstore.postgres.doorbell import PostgresDoorbell
from eventstore.postgres.log import OUTCOMES, PostgresEventStore
from eventstore.postgres.migrate import migrate
from eventstore.postgres.verify import verify_log
from eventstore.rebuild import rebuild
from eventstore.slices import Category, StreamId
from ticketing.booking.commands import PlaceBooking
from ticketing.booking.decider import BOOKING
from ticketing.booking.events import BookingEvent
from ticketing.command_handler import BookingHandler, CommandHandler, PaymentHandler
from ticketing.errors import TransientError
from ticketing.ids import BookingId, PaymentId, booking_stream, payment_stream
from ticketing.metrics import postgres as metrics_of_the_database
from ticketing.metrics.api import Samples
from ticketing.notice_receiver import NoticeReceiver
from ticketing.notifications import log as notification_log
from ticketing.notifications.api import Sender
from ticketing.notifications.postgres import PostgresNotifier
from ticketing.notifications.smtp import SmtpSender
from ticketing.payment.commands import ReceivePayment
from ticketing.payment.decider import PAYMENT
from ticketing.payment.events import PaymentEvent
from ticketing.payment.state import Payment
from ticketing.payment_provider.api import PaymentProvider, ProviderPayment
from ticketing.payment_provider.postgres import PostgresNoticeInbox
from ticketing.payment_provider.sandbox import SandboxProvider
from ticketing.policies import ProcessTerms
from ticketing.process import new_id
from ticketing.reservations.postgres import PostgresReservations
from ticketing.verification import postgres as verification
from ticketing.views.api import BOOKING_PROJECTION, PAYMENT_PROJECTION
from ticketing.views.postgres import PostgresBookingViews, PostgresPaymentViews
from workflows.process_starter import ProcessStarter

ROOT = Path(__file__).parents[1]
MIGRATIONS = (ROOT / "eventstore" / "migrations", ROOT / "ticketing" / "migrations")
POOL_MAX = 20  # per process: five processes fit into Postgres' default of 100 connections
CONNECT_TIMEOUT = timedelta(seconds=5)  # a server on the network answers in milliseconds
STATEMENT_TIMEOUT = timedelta(seconds=5)  # no statement of ours takes longer on a healthy server
# Ours wait between two statements for milliseconds; whoever hangs there must let go of its locks.
IDLE_IN_TRANSACTION = timedelta(seconds=10)
BOOKING_CODEC: Codec[BookingEvent] = Codec(get_args(BookingEvent))
PAYMENT_CODEC: Codec[PaymentEvent] = Codec(get_args(PaymentEvent))
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
    views: PostgresBookingViews
    payment_views: PostgresPaymentViews
    notifier: PostgresNotifier
    metrics: Metrics


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
        yield BoxOffice(
            pool=pool,
            store=store,
            checkpoints=PostgresCheckpointStore(pool),
            doorbell=doorbell,
            bookings=CommandHandler(
                store,
                doorbell,
                BOOKING,
                BOOKING_CODEC,
                lambda command: StreamId(booking_stream(command.booking_id)),
            ),
            payments=_payment_handler(store, doorbell),
            reservations=PostgresReservations(pool),
            provider=SandboxProvider(str(settings.provider_url), session),
            views=PostgresBookingViews(pool),
            payment_views=PostgresPaymentViews(pool),
            notifier=PostgresNotifier(pool, _sender(settings)),
            metrics=metrics,
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


def consumers(client: Client, settings: Settings, parts: BoxOffice) -> list[ConsumerOfOurs]:
    """The views, and the process starter for bookings and for payments."""
    starter = ProcessStarter(client, settings.task_queue, BOOKING_CODEC, PAYMENT_CODEC)
    subscriptions: list[Subscription[asyncpg.Connection]] = [
        *projections(parts),
        Subscription(
            "booking-process-starter", Category("booking"), AtLeastOnce(starter.on_booking_event)
        ),
        Subscription(
            "payment-process-starter", Category("payment"), AtLeastOnce(starter.on_payment_event)
        ),
    ]
    return [consumer(parts, subscription) for subscription in subscriptions]


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
    )


async def unended_bookings(parts: BoxOffice) -> list[PlaceBooking]:
    """The commands that bookings in no final state came from, to give each a process again."""
    return [
        await _placed(parts, booking_id)
        for booking_id in await verification.unended_bookings(parts.pool)
    ]


async def _placed(parts: BoxOffice, booking_id: BookingId) -> PlaceBooking:
    booking = await parts.bookings.read(StreamId(booking_stream(booking_id)))
    assert booking is not None  # its id came from the log
    return PlaceBooking(
        booking_id=booking_id,
        client_id=booking.client_id,
        concert_id=booking.concert_id,
        seats=booking.seats,
    )


async def open_payments(parts: BoxOffice) -> list[ReceivePayment]:
    """The commands that payments neither applied nor refunded came from, as `unended_bookings`."""
    ids = await verification.open_payments(parts.pool)
    payments = [(each, await parts.payments.read(StreamId(payment_stream(each)))) for each in ids]
    return [_receive_command(each, payment) for each, payment in payments if payment is not None]


def _receive_command(payment_id: PaymentId, payment: Payment) -> ReceivePayment:
    return ReceivePayment(
        payment_id=payment_id,
        booking_id=payment.booking_id,
        payer=payment.payer,
        amount=payment.amount,
        provider=payment.provider,
        provider_ref=payment.provider_ref,
        captured_at=payment.captured_at,
    )


async def untold_payments(parts: BoxOffice) -> list[ReceivePayment]:
    """What the provider took and still has, and no notice of it has come, as its ledger tells it.

    Raises:
        TransientError: the ledger cannot be read.
    """
    ledger = await parts.provider.ledger()
    known = await verification.known_payments(parts.pool)
    return [
        each.received()
        for each in ledger
        if each.payment_id not in known and each.refund_ref is None
    ]


async def verify_all(parts: BoxOffice) -> list[str]:
    """Every broken promise of the log, of the business and towards the provider, a line each.

    Raises:
        TransientError: nothing is wrong here, but the provider's ledger cannot be read.
    """
    unread: TransientError | None = None
    ledger: Sequence[ProviderPayment] = ()
    try:
        ledger = await parts.provider.ledger()  # before ours, which may be ahead of it
    except TransientError as error:
        unread = error
    findings = [
        *map(str, await verify_log(parts.pool)),
        *map(str, await verification.verify_business(parts.pool)),
    ]
    if not unread:
        findings += map(str, await verification.verify_provider(parts.pool, ledger))
    elif not findings:
        raise unread
    else:
        findings.append(str(unread))
    return findings


async def measure(parts: BoxOffice) -> Samples:
    """Numbers of the whole database, for Prometheus."""
    return await metrics_of_the_database.measure(parts.pool)


async def migrate_database(settings: Settings) -> list[str]:
    """Brings the database's schemas forward; the names of the migrations that were missing."""
    connection = await asyncpg.connect(
        str(settings.database_url), timeout=CONNECT_TIMEOUT.total_seconds()
    )
    try:
        return list(await migrate(connection, MIGRATIONS))
    finally:
        await connection.close()


def payment_notices(parts: BoxOffice) -> NoticeReceiver[asyncpg.Connection]:
    """Receives what the payment provider tells us."""
    return NoticeReceiver(
        PostgresNoticeInbox(parts.pool),
        lambda tx, bell: _payment_handler(PostgresEventStore(tx, parts.metrics.count_append), bell),
        parts.doorbell,
    )


def _payment_handler(store: EventStore, bell: Bell) -> PaymentHandler:
    return CommandHandler(
        store,
        bell,
        PAYMENT,
        PAYMENT_CODEC,
        lambda command: StreamId(payment_stream(command.payment_id)),
    )


def _sender(settings: Settings) -> Sender:
    if not settings.smtp_url:
        return notification_log.send
    return SmtpSender(
        settings.smtp_url, mail_from=settings.mail_from, domain=settings.mail_domain
    ).send
