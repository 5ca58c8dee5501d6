"""Starts the workflows of bookings and payments in the log, even if Temporal was down."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

from temporalio.client import Client
from temporalio.service import RPCError

from eventstore.api import StoredEvent
from eventstore.codec import Codec
from eventstore.errors import TransientError
from ticketing.booking.commands import PlaceBooking
from ticketing.booking.events import BookingEvent, BookingPlaced
from ticketing.ids import BookingId, PaymentId
from ticketing.payment.commands import ReceivePayment
from ticketing.payment.events import PaymentEvent, PaymentReceived
from workflows.client import start_booking, start_payment

BookingCodec: TypeAlias = Codec[BookingEvent]
PaymentCodec: TypeAlias = Codec[PaymentEvent]


class ProcessStarter:
    """Handlers of two consumers; a repeat is harmless: the stream id is the workflow id."""

    def __init__(
        self, client: Client, task_queue: str, bookings: BookingCodec, payments: PaymentCodec
    ) -> None:
        self._client = client
        self._task_queue = task_queue
        self._bookings = bookings
        self._payments = payments

    async def on_booking_event(self, stored: StoredEvent) -> None:
        """Start the workflow of a placed booking."""
        if stored.type != "BookingPlaced" or _by_its_own_process(stored):
            return
        placed = self._bookings.decode(stored)
        assert isinstance(placed, BookingPlaced)
        with _waiting_for_temporal():
            await start_booking(self._client, self._task_queue, place_command(stored, placed))

    async def on_payment_event(self, stored: StoredEvent) -> None:
        """Start the workflow of a received payment."""
        if stored.type != "PaymentReceived" or _by_its_own_process(stored):
            return
        received = self._payments.decode(stored)
        assert isinstance(received, PaymentReceived)
        with _waiting_for_temporal():
            await start_payment(self._client, self._task_queue, receive_command(stored, received))


@contextmanager
def _waiting_for_temporal() -> Iterator[None]:
    """Retry for as long as Temporal is away, because the event is not at fault."""
    try:
        yield
    except RPCError as error:
        raise TransientError(f"Temporal did not start the process: {error.message}") from error


def place_command(stored: StoredEvent, placed: BookingPlaced) -> PlaceBooking:
    """Return the command that placed the booking."""
    return PlaceBooking(
        booking_id=BookingId(stored.stream.removeprefix("booking-")),
        client_id=placed.client_id,
        concert_id=placed.concert_id,
        seats=placed.seats,
    )


def receive_command(stored: StoredEvent, received: PaymentReceived) -> ReceivePayment:
    """Return the command that received the payment."""
    return ReceivePayment(
        payment_id=PaymentId(stored.stream.removeprefix("payment-")),
        **received.model_dump(exclude={"type"}),
    )


def _by_its_own_process(stored: StoredEvent) -> bool:
    return stored.metadata.get("process") == stored.stream
