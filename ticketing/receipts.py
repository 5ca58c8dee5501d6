"""Money is believed only from the company that holds it: it is asked before a payment is used.

The payment itself knows a repeated command, because one that was refused may be reported again.
So each command has an id of its own.
"""

from typing import Literal
from uuid import UUID

from eventstore.api import Metadata
from ticketing.command_handler import Accepted, PaymentHandler
from ticketing.ids import PaymentId, payment_stream
from ticketing.payment.commands import ReceivePayment, RefusePayment
from ticketing.payment.events import PaymentEvent, RefusalReason
from ticketing.payment.rejections import PaymentRejection
from ticketing.payment.state import Payment
from ticketing.payment_provider.api import PaymentProvider
from ticketing.payment_provider.notices import ReturnNotices
from ticketing.process import new_id
from ticketing.value import Value

USED = frozenset({"applied", "refund_requested", "refunded"})

Answer = Accepted[Payment | None, PaymentEvent] | PaymentRejection


class NotAtProvider(Value):
    """The provider does not have the money."""

    type: Literal["NotAtProvider"] = "NotAtProvider"
    reason: RefusalReason


class Receipts:
    """Records payments as the provider knows them, whatever was reported about them."""

    def __init__(
        self, payments: PaymentHandler, provider: PaymentProvider, notices: ReturnNotices
    ) -> None:
        self._payments = payments
        self._provider = provider
        self._notices = notices

    async def receive(self, payment_id: PaymentId, metadata: Metadata) -> Answer | NotAtProvider:
        """Ask the provider for the payment, and record what it has.

        A payment that was used or refunded already is returned as it is.

        Raises:
            TransientError: the provider did not answer.
        """
        asked = await self._ask(payment_id)
        if isinstance(asked, ReceivePayment):
            return await self._payments.execute(asked, command_id=UUID(new_id()), metadata=metadata)
        ours = await self._payments.read(payment_stream(payment_id))
        if ours is not None and ours.status in USED:
            return Accepted(ours, ())
        return asked

    async def refuse(self, refusal: RefusePayment, metadata: Metadata) -> Answer | NotAtProvider:
        """Record that the provider does not have the money, then ask it once more.

        A report that came between the question and the refusal may have been true. One that
        comes after the refusal is an event of its own.
        """
        await self._payments.execute(refusal, command_id=UUID(new_id()), metadata=metadata)
        return await self.receive(refusal.payment_id, metadata)

    async def _ask(self, payment_id: PaymentId) -> ReceivePayment | NotAtProvider:
        """A return that the provider has sent a notice of counts before its ledger shows it."""
        theirs = await self._provider.look_up(payment_id)
        if theirs is None:
            return NotAtProvider(reason="unknown_to_provider")
        if theirs.refund_ref is not None or await self._notices.has_return(payment_id):
            return NotAtProvider(reason="returned")
        return theirs.received()
