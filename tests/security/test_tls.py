"""Nothing leaves this machine unencrypted: neither to Postgres, nor to Temporal, nor as mail."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path

import asyncpg
import pytest
from aiosmtpd.smtp import SMTP
from aiosmtplib import SMTPException
from pydantic import ValidationError
from temporalio.client import Client

from entrypoints.devstack.cluster import as_role
from entrypoints.devstack.servers import Postgres, TemporalServer
from entrypoints.errors import BadSetting, Failure
from entrypoints.roles import name_of
from entrypoints.settings import Settings, is_local
from entrypoints.temporal import connect_temporal
from entrypoints.wiring import box_office
from eventstore.slices import Category
from tests.support.certificates import Certificate, certificate
from tests.support.controls import NOTIFICATION

NOWHERE = "192.0.2.1"  # of no machine: RFC 5737
SSL_REQUEST = bytes.fromhex("0000000804d2162f")  # how a client of Postgres asks for TLS
HTTP2 = b"PRI * HTTP/2.0"  # how a client of Temporal begins without TLS


@pytest.fixture(scope="session")
def address() -> str:
    """An address of this machine that is not its loopback device."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as unsent:
        try:
            unsent.connect((NOWHERE, 9))
        except OSError as error:
            pytest.skip(f"this machine has its loopback device only: {error}")
        found: str = unsent.getsockname()[0]
    assert not is_local(found)
    return found


@pytest.fixture
def ours(tmp_path: Path, address: str) -> Certificate:
    return certificate(tmp_path / "ours", address)


@pytest.fixture
def of_somebody_else(tmp_path: Path, address: str) -> Certificate:
    return certificate(tmp_path / "other", address)


@dataclass
class Tap:
    """Listens at the address and hands everything on; `heard` is what a listener would have."""

    address: str
    leads_to: int | None = None  # a port; without one it declines TLS as a Postgres does
    tls: ssl.SSLContext | None = None
    at_once: bool = True  # TLS from the first byte, or when the client of a Postgres asks for it
    heard: bytearray = field(default_factory=bytearray)
    port: int = 0
    lines: set[asyncio.Task[None]] = field(default_factory=set)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Tap"]:
        tls = self.tls if self.at_once else None
        server = await asyncio.start_server(self._plug, self.address, 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for line in self.lines:
                line.cancel()
            await asyncio.gather(*self.lines, return_exceptions=True)

    async def _plug(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        self.lines.add(line)
        try:
            with suppress(ConnectionError, asyncio.CancelledError):
                await self._serve(client, answers)
        finally:
            answers.transport.abort()

    async def _serve(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        if self.leads_to is None or not self.at_once:
            self.heard += await client.read(len(SSL_REQUEST))
            answers.write(b"N" if self.leads_to is None else b"S")
        if self.leads_to is None:
            self.heard += await client.read(1024)
            return
        if self.tls and not self.at_once:
            await answers.start_tls(self.tls)
        server, to_server = await asyncio.open_connection("127.0.0.1", self.leads_to)
        carried = [
            asyncio.create_task(self._carry(client, to_server, self.heard)),
            asyncio.create_task(self._carry(server, answers, bytearray())),
        ]
        try:
            await asyncio.wait(carried, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for direction in carried:
                direction.cancel()
            to_server.transport.abort()
            await asyncio.gather(*carried, return_exceptions=True)

    async def _carry(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, heard: bytearray
    ) -> None:
        while data := await source.read(65_536):
            heard += data
            target.write(data)


# Postgres


@pytest.mark.parametrize("mode", ["", "?sslmode=disable", "?sslmode=allow", "?sslmode=prefer"])
@pytest.mark.parametrize(
    "host", ["db.example", NOWHERE, "127.0.0.1,db.example", "localhost.example"]
)
def test_a_url_that_may_send_the_password_in_clear_is_refused(host: str, mode: str) -> None:
    url = f"postgresql://us:secret@{host}/box_office{mode}"
    with pytest.raises(ValidationError, match="sslmode=verify-full"):
        Settings(database_url=url)
    assert Settings(database_url=url, without_tls=("postgres",)).without_tls == ("postgres",)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "[::1]"])
def test_a_url_of_this_machine_needs_no_tls(host: str) -> None:
    assert not Settings(database_url=f"postgresql://us:secret@{host}:54329/box_office").without_tls


async def test_a_server_that_declines_tls_hears_nothing(address: str, ours: Certificate) -> None:
    async with Tap(address).open() as tap:
        where = f"postgresql://teller:secret@{address}:{tap.port}/box_office"
        tls = f"?sslmode=verify-full&sslrootcert={ours.authority}"
        with pytest.raises(OSError, match="rejected SSL"):
            async with box_office(Settings(database_url=where + tls)):
                pass
        assert b"teller" not in tap.heard
        with pytest.raises((OSError, asyncpg.PostgresError)):
            async with box_office(Settings(database_url=where, without_tls=("postgres",))):
                pass
        assert b"teller" in tap.heard  # what was sent before: then the password would follow


async def test_postgres_is_reached_by_tls_if_it_is_who_it_says(
    database: str,
    postgres: Postgres,
    address: str,
    ours: Certificate,
    of_somebody_else: Certificate,
) -> None:
    """The embedded Postgres is built without TLS, so it stands behind a proxy that has it."""
    tls = ours.of_server()
    async with Tap(address, postgres.port, tls, at_once=False).open() as tap:
        there = as_role(database, name_of("worker")).replace(
            f"127.0.0.1:{postgres.port}", f"{address}:{tap.port}"
        )
        trusting = there.replace("sslmode=disable", "sslmode=verify-full&sslrootcert={}")
        async with box_office(Settings(database_url=trusting.format(ours.authority))) as parts:
            assert await parts.store.heads(Category("booking"))
        assert b"box_office_worker" in tap.heard  # behind the proxy's TLS
        tap.heard.clear()
        other = Settings(database_url=trusting.format(of_somebody_else.authority))
        with pytest.raises(ssl.SSLCertVerificationError):
            async with box_office(other):
                pass
        assert tap.heard.replace(SSL_REQUEST, b"") == b""


# Temporal


async def test_temporal_is_reached_by_tls_if_it_is_who_it_says(
    temporal: TemporalServer,
    client: Client,
    address: str,
    ours: Certificate,
    of_somebody_else: Certificate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The dev server has no TLS of its own, so it stands behind a proxy that has."""
    async with Tap(address, temporal.port, ours.of_server("h2")).open() as tap:
        monkeypatch.setenv("TEMPORAL_ADDRESS", f"{address}:{tap.port}")
        monkeypatch.setenv("TEMPORAL_NAMESPACE", client.namespace)
        monkeypatch.setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", str(ours.authority))
        connected = await connect_temporal(Settings())
        assert await connected.service_client.check_health()
        monkeypatch.setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", str(of_somebody_else.authority))
        with pytest.raises(Failure, match="unreachable"):
            await connect_temporal(Settings())


async def test_a_temporal_without_tls_hears_nothing(
    temporal: TemporalServer, client: Client, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_NAMESPACE", client.namespace)
    async with Tap(address, temporal.port).open() as tap:
        monkeypatch.setenv("TEMPORAL_ADDRESS", f"{address}:{tap.port}")
        with pytest.raises(Failure, match="unreachable"):
            await connect_temporal(Settings())
        assert not tap.heard.startswith(HTTP2)
    async with Tap(address, temporal.port).open() as tap:
        monkeypatch.setenv("TEMPORAL_ADDRESS", f"{address}:{tap.port}")
        monkeypatch.setenv("TEMPORAL_TLS", "false")
        with pytest.raises(BadSetting, match="by TLS only"):
            await connect_temporal(Settings())
        assert not tap.heard
        await connect_temporal(Settings(without_tls=("temporal",)))
        assert tap.heard.startswith(HTTP2)


# Mail


class Mailbox:
    """A mail server's handler that keeps what it gets, and says whether it came by TLS."""

    def __init__(self) -> None:
        self.received: list[bool] = []

    async def handle_DATA(self, server: SMTP, session: object, envelope: Message) -> str:  # noqa: N802  # its library's
        assert server.transport is not None
        self.received.append(server.transport.get_extra_info("cipher") is not None)
        return "250 OK"


@asynccontextmanager
async def mail_server(
    address: str, tls: ssl.SSLContext | None
) -> AsyncIterator[tuple[str, list[bool]]]:
    """A mail server; yields its URL, and whether each message came by TLS."""
    mailbox = Mailbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(mailbox, tls_context=tls), address, 0)
    try:
        yield f"smtp://{address}:{server.sockets[0].getsockname()[1]}", mailbox.received
    finally:
        server.close()


async def send(database: str, smtp_url: str, **settings: object) -> None:
    chosen = Settings(database_url=database, smtp_url=smtp_url).model_copy(update=settings)
    async with box_office(chosen) as parts:
        await parts.pool.execute("DELETE FROM notifications.mark")
        await parts.notifier.notify(NOTIFICATION)


async def test_mail_is_not_sent_to_a_server_without_tls(database: str, address: str) -> None:
    async with mail_server(address, None) as (url, received):
        with pytest.raises(SMTPException, match="STARTTLS"):
            await send(database, url)
        assert received == []
        await send(database, url, without_tls=("smtp",))
        assert received == [False]
    async with mail_server("127.0.0.1", None) as (url, received):
        await send(database, url)
        assert received == [False]


async def test_mail_goes_by_tls_to_a_server_that_is_who_it_says(
    database: str, address: str, ours: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with mail_server(address, ours.of_server()) as (url, received):
        with pytest.raises(ssl.SSLCertVerificationError):
            await send(database, url)
        assert received == []
        monkeypatch.setenv("SSL_CERT_FILE", str(ours.authority))
        await send(database, url)
        assert received == [True]
