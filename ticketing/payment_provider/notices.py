"""The provider's notices: they arrive several times, in any order, or never."""

from contextlib import AbstractAsyncContextManager
from typing import Literal, NewType, Protocol

from pydantic import AwareDatetime, ConfigDict

from eventstore.api import EventStore
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


# `notice_differs`: the id was stored with other content
Stored = Literal["stored", "known", "notice_differs"]


class NoticeInbox(Protocol):
    """Stores every notice once."""

    def storing(self, notice: Notice) -> AbstractAsyncContextManager[tuple[Stored, EventStore]]:
        """Store a notice, then append its effect in the block: both are committed, or neither.

        A copy of the notice waits for the end of the block.
        """
        ...
