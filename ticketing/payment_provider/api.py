"""The company that holds the money. Contract suite: tests/contract/payment_provider/."""

from typing import Literal, Protocol

from pydantic import AwareDatetime, ConfigDict

from ticketing.errors import DefectError
from ticketing.ids import BookingId, PaymentId
from ticketing.money import Money
from ticketing.payment.commands import ReceivePayment
from ticketing.value import ShortText, Value


class CaptureRequest(Value):
    """Take this much from the payer, for this booking. The payment id is the idempotency key."""

    payment_id: PaymentId
    booking_id: BookingId
    payer: ShortText
    amount: Money


class ProviderPayment(Value):
    """A payment as the provider's ledger has it; the money back, if `refund_ref` is set."""

    model_config = ConfigDict(extra="ignore")  # the provider may tell more than we ask

    payment_id: PaymentId
    booking_id: BookingId
    payer: ShortText
    amount: Money
    provider: ShortText
    provider_ref: ShortText
    captured_at: AwareDatetime  # by the provider's clock
    refund_ref: ShortText | None = None

    def received(self) -> ReceivePayment:
        """The command that tells us of it: the same content, whichever way we heard."""
        return ReceivePayment.model_validate(self.model_dump(exclude={"refund_ref"}))


class CaptureRefused(Value):
    """The provider said no: no money moved, and none will under this payment id."""

    type: Literal["CaptureRefused"] = "CaptureRefused"
    reason: str


class ProviderError(DefectError):
    """The provider understood us and says that we are wrong: asking again does not help."""


class PaymentProvider(Protocol):
    """All three are safe to repeat. A time-out means that the outcome is unknown: ask again."""

    async def capture(self, request: CaptureRequest) -> ProviderPayment | CaptureRefused:
        """Take the money, once however often it is asked.

        Raises:
            TransientError: no answer, or none that says what happened; repeat it.
            ProviderError: the payment id was used for another request.
        """
        ...

    async def refund(self, payment_id: PaymentId) -> str:
        """Give all of it back, once however often it is asked; the provider's reference.

        Raises:
            TransientError: no answer, none that says what happened, or refused for now; repeat it.
            ProviderError: there is no such payment.
        """
        ...

    async def look_up(self, payment_id: PaymentId) -> ProviderPayment | None:
        """What the ledger has.

        Raises:
            TransientError: no answer.
        """
        ...

    async def ledger(self) -> tuple[ProviderPayment, ...]:
        """Every payment, to be compared with ours.

        Raises:
            TransientError: no answer.
        """
        ...
