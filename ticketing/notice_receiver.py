"""What becomes of a notice: it is stored in one transaction with its effect, or neither is."""

from uuid import UUID

import structlog

from eventstore.api import Bell
from eventstore.slices import Slice
from ticketing.command_handler import payment_handler
from ticketing.payment_provider.notices import Notice, NoticeInbox, Stored
from ticketing.process import new_id

_log = structlog.get_logger()


class NoticeReceiver:
    """Receives notices, each once."""

    def __init__(self, inbox: NoticeInbox, doorbell: Bell) -> None:
        self._inbox = inbox
        self._doorbell = doorbell

    async def receive(self, notice: Notice) -> Stored:
        """Return what became of it; nothing, when it `differs` from what is known under its id.

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

    async def _receive(self, notice: Notice) -> Stored:
        rings, report = _Rings(), notice.command()
        async with self._inbox.storing(notice) as (stored, events):
            if stored == "stored" and report is not None:
                # Last in its transaction, because an append locks a slice.
                await payment_handler(events, rings).execute(
                    report,
                    command_id=UUID(new_id()),  # the inbox knows a repeat
                    metadata={"via": f"notice {notice.notice_id}"},
                )
        for slice in rings:
            self._doorbell.ring(slice)
        return stored


class _Rings(list[Slice]):
    """Rings that wait for the commit: before it there is nothing to see."""

    def ring(self, slice: Slice) -> None:
        self.append(slice)
