"""The provider's messages on the wire."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
AMOUNT_MINOR_MAX = 2**63 - 1  # what a column holds

EffectKind = Literal["capture", "refund", "chargeback"]
NoticeType = Literal["payment.captured", "payment.refunded", "payment.charged_back"]


class Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Amount(Message):
    amount_minor: int = Field(ge=0, le=AMOUNT_MINOR_MAX)
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class CaptureRequest(Message):
    payment_id: Id
    booking_id: Id
    payer: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    amount: Amount


class Payment(CaptureRequest):
    """A captured payment; the payer has the money back if `refund_ref` is set."""

    provider: Literal["sandbox"] = "sandbox"
    provider_ref: str
    captured_at: AwareDatetime
    refund_ref: str | None


class Refund(Message):
    payment_id: Id
    refund_ref: str
    refunded_at: AwareDatetime


class Notice(Message):
    """The body of a notice: the payment as it was right after the effect."""

    notice_id: str
    type: NoticeType
    created_at: AwareDatetime
    payment: Payment
