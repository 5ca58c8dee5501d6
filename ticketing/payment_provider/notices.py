"""The provider's notices: they arrive several times, in any order, or never."""

from contextlib import AbstractAsyncContextManager
from typing import Literal, NewType, Protocol, TypeVar

from pydantic import AwareDatetime, ConfigDict

from ticketing.payment.commands import ReceivePayment
from ticketing.payment_provider.api import ProviderPayment
from ticketing.payment_provider.signature import VerifiedBody
from ticketing.value import ShortText, Value

NoticeId = NewType("NoticeId", ShortText)


class Notice(Value):
    """A notice as it is on the wire.

    Unknown types and fields are accepted, because a provider adds some over time and repeats a
    refused notice for ever.
    """

    model_config = ConfigDict(extra="ignore")

    notice_id: NoticeId
    type: Literal["payment.captured", "payment.refunded", "payment.charged_back"] | ShortText
    created_at: AwareDatetime  # the provider's clock; the order of notices means nothing
    payment: ProviderPayment

    def command(self) -> ReceivePayment | None:
        """Return the command that the notice leads to; only a capture leads to one.

        A refund or chargeback made by others is stored for people to look at: it frees no seats.
        """
        return self.payment.received() if self.type == "payment.captured" else None


def parse_notice(body: VerifiedBody) -> Notice:
    """Parse the notice in a request's body.

    Raises:
        ValidationError: the body holds no notice.
    """
    return Notice.model_validate_json(body)


Stored = Literal[
    "stored", "known", "notice_differs"
]  # `notice_differs`: the id was stored with other content
Tx = TypeVar("Tx")  # the inbox's transaction, in which the effect is written too


class NoticeInbox(Protocol[Tx]):
    """Stores every notice once."""

    def transaction(self) -> AbstractAsyncContextManager[Tx]:
        """Open a transaction; it commits at the block's end, and rolls back on an error."""
        ...

    async def store(self, tx: Tx, notice: Notice) -> Stored:
        """Store a notice before its effect, so that a copy waits for this transaction."""
        ...
