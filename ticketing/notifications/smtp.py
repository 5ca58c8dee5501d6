"""A sender of mail: it tries once, and gives up before the activity's time is over."""

import asyncio
from contextlib import suppress
from email.headerregistry import Address
from email.message import EmailMessage, Message
from email.utils import formatdate
from functools import partial
from urllib.parse import unquote, urlsplit

from aiosmtplib import SMTP, SMTPException

from ticketing.notifications.api import Notification
from ticketing.notifications.texts import text_of

SEND_SECONDS = 2.0  # in total; the activity has 3 s, and writes its mark before and after
QUIT_SECONDS = 0.2  # the server has accepted the message by then; QUIT is only polite


class SmtpSender:
    """Sends mail to `<client id>@<domain>`, since a client's id is all that we know."""

    def __init__(self, url: str, *, mail_from: str, domain: str, tls: bool = False) -> None:
        """Configure the mail server.

        Args:
            url: `smtp://[user:password@]host[:port]` uses TLS when the server offers it, and never
                sends a password without TLS; `smtps://` uses TLS from the start.
            mail_from: the sender's address.
            domain: the domain of the clients' addresses.
            tls: no message is sent without TLS either.

        Raises:
            ValueError: the URL or the sender's address is malformed.
        """
        server = urlsplit(url)
        if server.scheme not in ("smtp", "smtps") or not server.hostname:
            raise ValueError("a mail server is smtp://host[:port] or smtps://host[:port]")
        self._from = Address("Box Office", addr_spec=mail_from)
        self._domain = domain
        at_once = server.scheme == "smtps"
        self._client = partial(
            SMTP,
            hostname=server.hostname,
            port=server.port,
            local_hostname=self._from.domain,  # the library's default asks the DNS
            username=server.username and unquote(server.username),
            password=server.password and unquote(server.password),
            use_tls=at_once,
            start_tls=True if (server.password or tls) and not at_once else None,
        )

    async def send(self, notification: Notification) -> None:
        """Send one message to the mail server.

        Raises:
            SMTPException: the server refused, or could not be reached.
            TimeoutError: it took too long; the server may or may not have it.
            DefectError: the notification lacks a value that its text needs.
        """
        message = self._message(notification)
        client = self._client()
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await client.connect()
                await client.send_message(message)
            with suppress(SMTPException):
                await client.quit(timeout=QUIT_SECONDS)
        finally:
            client.close()

    def _message(self, notification: Notification) -> Message:
        text = text_of(notification)
        message = EmailMessage()
        message["Subject"] = text.subject
        message["From"] = self._from
        message["To"] = Address(username=notification.client_id, domain=self._domain)
        message["Date"] = formatdate()
        # A message that is sent twice has the same id both times, so a mail program can tell.
        message["Message-ID"] = f"<{notification.kind}.{notification.about}@{self._from.domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: suppresses automatic replies
        message["X-Box-Office-Booking"] = notification.booking_id
        message.set_content(text.body)
        return message
