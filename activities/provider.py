"""Calls to the payment provider. A repeat is safe: the payment id is the idempotency key."""

from temporalio import activity

from activities.errors import defects_are_final
from eventstore.errors import TransientError
from ticketing.ids import PaymentId
from ticketing.payment_provider.api import PaymentProvider


class ProviderActivities:
    def __init__(self, provider: PaymentProvider) -> None:
        self._provider = provider

    @activity.defn
    async def refund_payment(self, payment_id: PaymentId) -> str:
        """Refund the payment and return the provider's reference; failed attempts are counted."""
        try:
            with defects_are_final():
                return await self._provider.refund(payment_id)
        except TransientError:
            activity.metric_meter().create_counter(
                "refund_attempts_failed", "refunds that the provider did not make when asked"
            ).add(1)
            raise
