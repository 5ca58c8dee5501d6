"""What becomes of a notice: it is stored in one transaction with its effect, or neither is."""

from typing import Literal

import structlog

from eventstore.api import Bell
from eventstore.errors import CommandIdReusedError
from eventstore.slices import Slice
from ticketing.command_handler import Accepted, PaymentHandler, payment_handler
from ticketing.ids import receipt_of
from ticketing.payment_provider.notices import Notice, NoticeInbox, Stored

Received = Stored | Literal["payment_differs"]

_log = structlog.get_logger()


class NoticeReceiver:
    """Receives notices, each once."""

    def __init__(self, inbox: NoticeInbox, doorbell: Bell) -> None:
        self._inbox = inbox
        self._doorbell = doorbell

    async def receive(self, notice: Notice) -> Received:
        """Return what became of it; when it `differs` from what is known under its ids, nothing.

        Raises:
            TransientError: others kept writing to the payment's stream; try again later.
        """
        received = await self._receive(notice)
        _log.info(
            "notice received",
            outcome=received,
            notice_id=notice.notice_id,
            type=notice.type,
            payment_id=notice.payment.payment_id,
            booking_id=notice.payment.booking_id,
        )
        return received

    async def _receive(self, notice: Notice) -> Received:
        rings = _Rings()
        try:
            async with self._inbox.storing(notice) as (stored, events):
                if stored == "stored":
                    await _take_effect(payment_handler(events, rings), notice)
        except (_PaymentDiffers, CommandIdReusedError):  # the latter: another one was faster
            return "payment_differs"
        for slice in rings:
            self._doorbell.ring(slice)
        return stored


async def _take_effect(payments: PaymentHandler, notice: Notice) -> None:
    """Raises `_PaymentDiffers`; last in its transaction, for an append locks a slice."""
    command = notice.command()
    if command is None:
        return
    answer = await payments.execute(
        command,
        command_id=receipt_of(command.payment_id),
        metadata={"via": f"notice {notice.notice_id}"},  # no process yet: the starter starts it
    )
    if not isinstance(answer, Accepted):
        raise _PaymentDiffers


class _PaymentDiffers(Exception):
    """Rolls the transaction back."""


class _Rings(list[Slice]):
    """Rings that wait for the commit: before it there is nothing to see."""

    def ring(self, slice: Slice) -> None:
        self.append(slice)
