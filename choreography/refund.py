"""A refund that was requested is made by the provider, then recorded."""

import structlog

from choreography.services import Services
from eventstore.errors import TransientError
from ticketing.ids import PaymentId, command_id, payment_stream
from ticketing.payment.commands import RecordRefund
from ticketing.payment.events import PaymentEvent

PROCESS = "RefundProcess"

_log = structlog.get_logger()


async def try_refund(payment_id: PaymentId, _: PaymentEvent, by: Services) -> None:
    """Make the refund, or leave it to the sweep: nobody else's refund waits for this one."""
    try:
        await make_refund(payment_id, by)
    except TransientError:
        _log.warning("refund not made yet", payment_id=payment_id)


async def make_refund(payment_id: PaymentId, by: Services) -> None:
    """Ask the provider, with the payment id as its idempotency key, and record the answer."""
    refund_ref = await by.provider.refund(payment_id)
    await by.payments.execute(
        RecordRefund(payment_id=payment_id, refund_ref=refund_ref),
        command_id=command_id(f"{PROCESS}/{payment_stream(payment_id)}", "record refund"),
        metadata={"process": PROCESS},
    )
