"""The payment provider: the company that holds the money.

Contract suite: tests/contract/payment_provider/.
"""

from typing import Literal, Protocol

from pydantic import AwareDatetime, ConfigDict

from eventstore.errors import DefectError
from ticketing.ids import BookingId, PaymentId
from ticketing.money import Money
from ticketing.payment.commands import ReceivePayment, ReportPayment
from ticketing.value import ShortText, Value


class CaptureRequest(Value):
    """A request to take an amount from the payer; the payment id is its idempotency key."""

    payment_id: PaymentId
    booking_id: BookingId
    payer: ShortText
    amount: Money


class ProviderPayment(Value):
    """A payment in the provider's ledger; the money was returned if `refund_ref` is set."""

    model_config = ConfigDict(extra="ignore")  # the provider may send fields that we do not know

    payment_id: PaymentId
    booking_id: BookingId
    payer: ShortText
    amount: Money
    provider: ShortText
    provider_ref: ShortText
    captured_at: AwareDatetime  # the provider's clock
    refund_ref: ShortText | None = None

    def report(self) -> ReportPayment:
        """Return the command that reports this payment, as its payer or a notice does."""
        return ReportPayment(payment_id=self.payment_id, booking_id=self.booking_id)

    def received(self) -> ReceivePayment:
        """Return the command that receives this payment."""
        return ReceivePayment.model_validate(self.model_dump(exclude={"refund_ref"}))


class Ledger(Value):
    """The provider's payments, and the payments of it that cannot be read, each with the reason."""

    payments: tuple[ProviderPayment, ...]
    unreadable: tuple[str, ...] = ()


class CaptureRefused(Value):
    """The provider refused: no money was taken, and none will be under this payment id."""

    type: Literal["CaptureRefused"] = "CaptureRefused"
    reason: str


class ProviderError(DefectError):
    """The provider understood the request and calls it wrong: a repeat does not help."""


class PaymentProvider(Protocol):
    """Every call is safe to repeat; after a time-out, a repeat tells the outcome."""

    async def capture(self, request: CaptureRequest) -> ProviderPayment | CaptureRefused:
        """Capture the money; a repeated request captures it only once.

        Raises:
            TransientError: the outcome is unknown; repeat the request.
            ProviderError: the payment id was used for another request.
        """
        ...

    async def refund(self, payment_id: PaymentId) -> str:
        """Refund the whole amount, only once, and return the provider's reference.

        Raises:
            TransientError: the outcome is unknown, or refused for now; repeat the request.
            ProviderError: there is no such payment.
        """
        ...

    async def look_up(self, payment_id: PaymentId) -> ProviderPayment | None:
        """Return the payment in the ledger, None if the provider does not know it.

        Raises:
            TransientError: the provider did not answer.
        """
        ...

    async def ledger(self) -> Ledger:
        """Return every payment in the ledger, for reconciliation.

        A payment that cannot be read hides no other one.

        Raises:
            TransientError: the provider did not answer.
        """
        ...
