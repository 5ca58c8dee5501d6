"""Starts the workflows of bookings and payments in the log, even if Temporal was down."""

from collections.abc import Iterator
from contextlib import contextmanager

from temporalio.client import Client
from temporalio.service import RPCError

from eventstore.api import StoredEvent
from eventstore.errors import TransientError
from ticketing.booking.commands import PlaceBooking
from ticketing.command_handler import BOOKING_CODEC, PAYMENT_CODEC
from ticketing.ids import booking_of, payment_of
from ticketing.payment.commands import ReportPayment
from ticketing.payment.events import PaymentReceived, PaymentReported
from workflows.client import start_booking, start_payment


class ProcessStarter:
    """Handlers of two consumers; a repeat is harmless: the stream id is the workflow id."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue

    async def on_booking_event(self, stored: StoredEvent) -> None:
        """Start the workflow of a placed booking."""
        if stored.type != "BookingPlaced" or _by_its_own_process(stored):
            return
        placed = BOOKING_CODEC.decode(stored).model_dump(exclude={"type"})
        command = PlaceBooking(booking_id=booking_of(stored.stream), **placed)
        with _waiting_for_temporal():
            await start_booking(self._client, self._task_queue, command)

    async def on_payment_event(self, stored: StoredEvent) -> None:
        """Start the workflow of a payment that was reported; earlier code received it at once."""
        event = PAYMENT_CODEC.decode(stored)
        if not isinstance(event, PaymentReported | PaymentReceived) or _by_its_own_process(stored):
            return
        report = ReportPayment(payment_id=payment_of(stored.stream), booking_id=event.booking_id)
        with _waiting_for_temporal():
            await start_payment(
                self._client,
                self._task_queue,
                report,
                after_a_refusal=isinstance(event, PaymentReported) and stored.version > 1,
            )


@contextmanager
def _waiting_for_temporal() -> Iterator[None]:
    """Retry for as long as Temporal is away, because the event is not at fault."""
    try:
        yield
    except RPCError as error:
        raise TransientError(f"Temporal did not start the process: {error.message}") from error


def _by_its_own_process(stored: StoredEvent) -> bool:
    return stored.metadata.get("process") == stored.stream
