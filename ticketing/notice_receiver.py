"""What becomes of a notice: it is stored in one transaction with its effect, or neither is."""

from collections.abc import Callable
from typing import Generic, Literal

import structlog

from eventstore.api import Bell
from eventstore.errors import CommandIdReusedError
from eventstore.slices import Slice
from ticketing.command_handler import Accepted, PaymentHandler
from ticketing.ids import command_id, payment_stream
from ticketing.payment_provider.notices import Notice, NoticeInbox, Stored, Tx

RECEIVE = (
    "receive_payment"  # the step of the payment's process: whoever is first, it is one command
)

Received = Stored | Literal["payment_differs"]

_log = structlog.get_logger()


class NoticeReceiver(Generic[Tx]):
    """Receives notices, each once.

    `payments_in` makes the payments' handler that appends in a transaction of the inbox.
    """

    def __init__(
        self,
        inbox: NoticeInbox[Tx],
        payments_in: Callable[[Tx, Bell], PaymentHandler],
        doorbell: Bell,
    ) -> None:
        self._inbox = inbox
        self._payments_in = payments_in
        self._doorbell = doorbell

    async def receive(self, notice: Notice) -> Received:
        """What became of it; when it `differs` from what is known under its ids, nothing.

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
            async with self._inbox.transaction() as tx:
                stored = await self._inbox.store(tx, notice)
                if stored == "stored":
                    await _take_effect(self._payments_in(tx, rings), notice)
        except (_PaymentDiffers, CommandIdReusedError):  # the latter: another one was faster
            return "payment_differs"
        rings.pass_on(self._doorbell)
        return stored


async def _take_effect(payments: PaymentHandler, notice: Notice) -> None:
    """Raises `_PaymentDiffers`; last in its transaction, for an append locks a slice."""
    command = notice.command()
    if command is None:
        return
    answer = await payments.execute(
        command,
        command_id=command_id(payment_stream(command.payment_id), RECEIVE),
        metadata={"via": f"notice {notice.notice_id}"},  # no process yet: the starter starts it
    )
    if not isinstance(answer, Accepted):
        raise _PaymentDiffers


class _PaymentDiffers(Exception):
    """Rolls the transaction back."""


class _Rings:
    """Rings that wait for the commit: before it there is nothing to see."""

    def __init__(self) -> None:
        self._slices: list[Slice] = []

    def ring(self, slice: Slice) -> None:
        self._slices.append(slice)

    def pass_on(self, bell: Bell) -> None:
        for slice in self._slices:
            bell.ring(slice)
