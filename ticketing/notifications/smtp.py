"""A sender for mail: one attempt, over in less than the activity's time."""

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

SEND_SECONDS = 2.0  # in total; the activity has 3, and marks before and after
QUIT_SECONDS = 0.2  # the message is accepted by then: only good manners


class SmtpSender:
    """`send` is a `Sender`. Of clients we know their id: mail goes to `<client id>@<domain>`."""

    def __init__(self, url: str, *, mail_from: str, domain: str) -> None:
        """Where mail leaves.

        Args:
            url: `smtp://[user:password@]host[:port]` uses TLS when the server offers it, and a
                password never goes without; `smtps://` is TLS from the start.
            mail_from: our own address.
            domain: of the clients' addresses.

        Raises:
            ValueError: the URL or our address is malformed.
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
            local_hostname=self._from.domain,  # the default asks the DNS for our own name
            username=server.username and unquote(server.username),
            password=server.password and unquote(server.password),
            use_tls=at_once,
            start_tls=True if server.password and not at_once else None,
        )

    async def send(self, notification: Notification) -> None:
        """Hand one message to the server.

        Raises:
            SMTPException: the server refused, or could not be reached.
            TimeoutError: it took too long; the server may or may not have it.
            DefectError: the notification lacks what its text has to say.
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
        # The same message again has the same id: whoever reads mail can tell.
        message["Message-ID"] = f"<{notification.kind}.{notification.about}@{self._from.domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies
        message["X-Box-Office-Booking"] = notification.booking_id
        message.set_content(text.body)
        return message
