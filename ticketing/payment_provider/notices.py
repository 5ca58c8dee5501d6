"""The provider's notices: they arrive several times, in any order, or never."""

import json
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal, NewType, Protocol

from pydantic import AwareDatetime, ConfigDict, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from eventstore.api import EventStore
from ticketing.ids import PaymentId
from ticketing.payment.commands import ReportPayment
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

    def command(self) -> ReportPayment | None:
        """Return the command that the notice leads to; only a capture leads to one.

        A refund or chargeback is stored: money that is not used yet is not used any more, but it
        frees no seats that were bought.
        """
        return self.payment.report() if self.type == "payment.captured" else None


def parse_notice(body: VerifiedBody) -> Notice:
    """Parse the notice in a request's body.

    Raises:
        ValidationError: the body holds no notice, or an object in it has a key twice: another
            reader of the same bytes could see another amount.
    """
    notice = Notice.model_validate_json(body, strict=True)
    json.loads(body, object_pairs_hook=_each_key_once, parse_int=str)
    return notice


def _each_key_once(pairs: Sequence[tuple[str, object]]) -> None:
    if len(pairs) > len({key for key, _ in pairs}):
        error = PydanticCustomError("duplicate_key", "Each key may occur once")
        raise ValidationError.from_exception_data(
            "Notice", [InitErrorDetails(type=error, input={})]
        )


RETURNS = ("payment.refunded", "payment.charged_back")  # the types of a return's notice

# `notice_differs`: the id was stored with other content
Stored = Literal["stored", "known", "notice_differs"]


class NoticeInbox(Protocol):
    """Stores every notice once."""

    def storing(self, notice: Notice) -> AbstractAsyncContextManager[tuple[Stored, EventStore]]:
        """Store a notice, then append its effect in the block: both are committed, or neither.

        A copy of the notice waits for the end of the block.
        """
        ...


class ReturnNotices(Protocol):
    """What the inbox knows of money that went back."""

    async def has_return(self, payment_id: PaymentId) -> bool:
        """Return whether a stored notice says that the payment's money was returned."""
        ...
