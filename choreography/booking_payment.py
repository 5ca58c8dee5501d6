"""Money that arrived pays for its booking, gets it its seats back, or is to be refunded.

Money that overtook its booking's confirmation stays `received`: the sweep asks again for it. So a
consumer and several sweeps may use one payment at the same time; the streams put them in order.
"""

from datetime import timedelta

from choreography.booking_confirmation import ATTEMPT, deny_unconfirmed
from eventstore.slices import StreamId
from ticketing.booking.commands import BookingCommand, ReinstateBooking
from ticketing.booking.commands import ReceivePayment as PayBooking
from ticketing.booking.events import BookingEvent
from ticketing.booking.rejections import (
    BookingIsExpired,
    BookingIsNotConfirmed,
    BookingRejection,
)
from ticketing.booking.state import Booking
from ticketing.command_handler import Accepted, BookingHandler, PaymentHandler
from ticketing.errors import DefectError
from ticketing.ids import (
    PaymentId,
    booking_stream,
    command_id,
    payment_stream,
    reinstatement_attempt,
)
from ticketing.payment.commands import ApplyPayment, PaymentCommand, RequestRefund
from ticketing.payment.rejections import (
    PaymentIsRefunded,
    PaymentRefundIsRequested,
    PaymentRejection,
)
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

    async def use(self, payment_id: PaymentId, *, waited: timedelta) -> None:
        """Apply it, or request its refund; neither, while its booking may still be confirmed."""
        payment = await self._payments.read(StreamId(payment_stream(payment_id)))
        assert payment is not None  # its events are in the log
        if payment.status != "received":
            return  # an event that comes again must not pay with money that went back
        booking_id, amount = payment.received.booking_id, payment.received.amount
        pay = PayBooking(booking_id=booking_id, payment_id=payment_id, amount=amount)
        answer = await self._answer(pay, waited)
        if isinstance(answer, Accepted):
            await self._tell(ApplyPayment(payment_id=payment_id, booking_id=booking_id), "apply")
        elif waited >= patience_with(answer.type, self._terms):
            reason = REFUND_REASONS[answer.type]
            refund = RequestRefund(payment_id=payment_id, reason=reason)
            # Somebody else's request may have another reason: there is more than one truth about
            # a booking that expired, and then got its seats back with other money.
            fine = (PaymentRefundIsRequested, PaymentIsRefunded)
            await self._tell(refund, f"request refund, {reason}", *fine)

    async def _answer(self, pay: PayBooking, waited: timedelta) -> Answer:
        answer = await self._ask(pay, pay.payment_id, "pay")
        match answer:
            case BookingIsNotConfirmed() if waited >= patience_with(answer.type, self._terms):
                # Without a final answer of the booking it could be confirmed, and paid with this
                # money by the next who asks, while we give it back.
                await deny_unconfirmed(pay.booking_id, bookings=self._bookings)
                return await self._answer(pay, waited)
            case BookingIsExpired() if self._terms.late_payment == "reinstate":
                return await self._reinstate(pay)
            case _:
                return answer

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

    async def _tell(
        self, command: PaymentCommand, step: str, *fine: type[PaymentRejection]
    ) -> None:
        answer = await self._payments.execute(
            command,
            command_id=command_id(f"{PROCESS}/{payment_stream(command.payment_id)}", step),
            metadata={"process": PROCESS},
        )
        if not isinstance(answer, (Accepted, *fine)):
            raise DefectError(f"{command.payment_id}: {step} was answered {answer!r}")
