"""What the provider tells us unasked: any number of times, in any order, perhaps never."""

from contextlib import AbstractAsyncContextManager
from typing import Literal, NewType, Protocol, TypeVar

from pydantic import AwareDatetime, ConfigDict

from ticketing.payment.commands import ReceivePayment
from ticketing.payment_provider.api import ProviderPayment
from ticketing.payment_provider.signature import VerifiedBody
from ticketing.value import ShortText, Value

NoticeId = NewType("NoticeId", ShortText)


class Notice(Value):
    """One notice, as it is on the wire. `type` is open: a type that is new to us is kept too.

    So are fields: a provider adds some over time, and a refused notice is sent again for ever.
    """

    model_config = ConfigDict(extra="ignore")

    notice_id: NoticeId
    type: Literal["payment.captured", "payment.refunded", "payment.charged_back"] | ShortText
    created_at: AwareDatetime  # by the provider's clock; the order of notices means nothing
    payment: ProviderPayment

    def command(self) -> ReceivePayment | None:
        """What it asks of the payment.

        Only a capture does. Money that left without us is kept for people to look at: the seats
        are not silently freed.
        """
        return self.payment.received() if self.type == "payment.captured" else None


def parse_notice(body: VerifiedBody) -> Notice:
    """The notice in a body.

    Raises:
        ValidationError: it is none.
    """
    return Notice.model_validate_json(body)


Stored = Literal["stored", "known", "notice_differs"]  # `differs`: the id has other content
Tx = TypeVar("Tx")  # an inbox's transaction: what the effect is written through


class NoticeInbox(Protocol[Tx]):
    """Every notice, once."""

    def transaction(self) -> AbstractAsyncContextManager[Tx]:
        """Commits at the end of the block, rolls back when it raises."""
        ...

    async def store(self, tx: Tx, notice: Notice) -> Stored:
        """Keep a notice; call it before its effect, so that a twin waits for this transaction."""
        ...
