"""Money that arrived pays for its booking, gets it its seats back, or is to be refunded.

Money that overtook its booking's confirmation stays `received`: the sweep asks again for it.
"""

from datetime import timedelta

from choreography.booking_confirmation import ATTEMPT
from eventstore.slices import StreamId
from ticketing.booking.commands import BookingCommand, ReinstateBooking
from ticketing.booking.commands import ReceivePayment as PayBooking
from ticketing.booking.events import BookingEvent
from ticketing.booking.rejections import BookingIsExpired, BookingRejection
from ticketing.booking.state import Booking
from ticketing.command_handler import Accepted, BookingHandler, PaymentHandler
from ticketing.errors import DefectError
from ticketing.ids import (
    BookingId,
    PaymentId,
    booking_stream,
    command_id,
    payment_stream,
    reinstatement_attempt,
)
from ticketing.money import Money
from ticketing.payment.commands import ApplyPayment, PaymentCommand, RequestRefund
from ticketing.process import REFUND_REASONS, ProcessTerms, patience_with
from ticketing.reservations.api import ReservationService, Reserved

PROCESS = "BookingPaymentProcess"

Answer = Accepted[Booking | None, BookingEvent] | BookingRejection


class BookingPaymentProcess:
    """What a payment needs to know to find its end."""

    def __init__(
        self,
        bookings: BookingHandler,
        payments: PaymentHandler,
        reservations: ReservationService,
        terms: ProcessTerms,
    ) -> None:
        self._bookings = bookings
        self._payments = payments
        self._reservations = reservations
        self._terms = terms

    async def use(
        self, payment_id: PaymentId, booking_id: BookingId, amount: Money, *, waited: timedelta
    ) -> None:
        """Apply it, or request its refund; neither, while its booking may still be confirmed."""
        pay = PayBooking(booking_id=booking_id, payment_id=payment_id, amount=amount)
        answer = await self._ask(pay, payment_id, "pay")
        if isinstance(answer, BookingIsExpired) and self._terms.late_payment == "reinstate":
            answer = await self._reinstate(pay)
        if isinstance(answer, Accepted):
            apply = ApplyPayment(payment_id=payment_id, booking_id=booking_id)
            await self._tell(apply, "apply")
        elif waited >= patience_with(answer.type, self._terms):
            refund = RequestRefund(payment_id=payment_id, reason=REFUND_REASONS[answer.type])
            await self._tell(refund, "request refund")

    async def _reinstate(self, pay: PayBooking) -> Answer:
        """The late payment policy: the same seats again, if nobody has taken one of them."""
        booking = await self._bookings.read(StreamId(booking_stream(pay.booking_id)))
        assert booking is not None  # it just said that it is expired
        await self._reservations.release(pay.booking_id, ATTEMPT)  # may not have happened yet
        attempt = reinstatement_attempt(pay.payment_id)
        reserved = await self._reservations.reserve(
            pay.booking_id, attempt, booking.concert_id, booking.seats
        )
        if not isinstance(reserved, Reserved):
            return await self._ask(pay, pay.payment_id, "pay")  # another one may have settled it
        reinstate = ReinstateBooking(**pay.model_dump(), tickets=reserved.tickets)
        answer = await self._ask(reinstate, pay.payment_id, "reinstate")
        if not isinstance(answer, Accepted):
            await self._reservations.release(pay.booking_id, attempt)
        return answer

    async def _ask(self, command: BookingCommand, payment_id: PaymentId, step: str) -> Answer:
        return await self._bookings.execute(
            command,
            command_id=command_id(f"{PROCESS}/{payment_stream(payment_id)}", step),
            metadata={"process": PROCESS},
        )

    async def _tell(self, command: PaymentCommand, step: str) -> None:
        answer = await self._payments.execute(
            command,
            command_id=command_id(f"{PROCESS}/{payment_stream(command.payment_id)}", step),
            metadata={"process": PROCESS},
        )
        if not isinstance(answer, Accepted):
            raise DefectError(f"{command.payment_id}: {step} was answered {answer!r}")
