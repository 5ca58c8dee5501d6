"""A refund that was requested is made by the provider, then recorded."""

from ticketing.command_handler import PaymentHandler
from ticketing.ids import PaymentId, command_id, payment_stream
from ticketing.payment.commands import RecordRefund
from ticketing.payment_provider.api import PaymentProvider

PROCESS = "RefundProcess"


async def make_refund(
    payment_id: PaymentId, *, provider: PaymentProvider, payments: PaymentHandler
) -> None:
    """Ask the provider, with the payment id as its idempotency key, and record the answer."""
    refund_ref = await provider.refund(payment_id)
    await payments.execute(
        RecordRefund(payment_id=payment_id, refund_ref=refund_ref),
        command_id=command_id(f"{PROCESS}/{payment_stream(payment_id)}", "record refund"),
        metadata={"process": PROCESS},
    )
