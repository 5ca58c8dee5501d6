"""A payment provider without a network, for tests and simulations."""

from collections.abc import Callable
from datetime import datetime

from ticketing.ids import PaymentId
from ticketing.payment_provider.api import (
    CaptureRefused,
    CaptureRequest,
    Ledger,
    ProviderError,
    ProviderPayment,
)


class MemoryProvider:
    """A `PaymentProvider` in memory; no call awaits, so every call is atomic."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._refused: set[PaymentId] = set()
        self._answers: dict[PaymentId, tuple[CaptureRequest, ProviderPayment | CaptureRefused]] = {}
        self._refunds: dict[PaymentId, str] = {}

    def refuse(self, payment_id: PaymentId) -> None:
        """Refuse the capture of this payment from now on, unless it was made already."""
        self._refused.add(payment_id)

    async def capture(self, request: CaptureRequest) -> ProviderPayment | CaptureRefused:
        payment_id = request.payment_id
        if payment_id not in self._answers:
            self._answers[payment_id] = (request, self._first_answer(request))
        asked, answer = self._answers[payment_id]
        if asked != request:
            raise ProviderError(f"memory: {payment_id} was used for another request")
        return answer

    async def refund(self, payment_id: PaymentId) -> str:
        if await self.look_up(payment_id) is None:
            raise ProviderError(f"memory: {payment_id} is unknown")
        return self._refunds.setdefault(payment_id, f"refund of {payment_id}")

    async def look_up(self, payment_id: PaymentId) -> ProviderPayment | None:
        by_id = {payment.payment_id: payment for payment in (await self.ledger()).payments}
        return by_id.get(payment_id)

    async def ledger(self) -> Ledger:
        payments = (
            payment.model_copy(update={"refund_ref": self._refunds.get(payment_id)})
            for payment_id, (_, payment) in self._answers.items()
            if isinstance(payment, ProviderPayment)
        )
        return Ledger(payments=tuple(payments))

    def _first_answer(self, request: CaptureRequest) -> ProviderPayment | CaptureRefused:
        if request.payment_id in self._refused:
            return CaptureRefused(reason="the bank says no")
        return ProviderPayment(
            payment_id=request.payment_id,
            booking_id=request.booking_id,
            payer=request.payer,
            amount=request.amount,
            provider="memory",
            provider_ref=f"capture of {request.payment_id}",
            captured_at=self._clock(),
        )
