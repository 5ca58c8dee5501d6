"""A payment that was reported is looked up at the provider, then pays for its booking.

Money for an expired booking reinstates it, and money that no booking can use is refunded. Money
that overtook its booking's confirmation stays `received`: the sweep asks again for it. So a
consumer and several sweeps may use one payment at the same time; the streams put them in order.
"""

from datetime import timedelta

import structlog

from choreography.booking_confirmation import deny_unconfirmed
from choreography.services import Services
from eventstore.api import Metadata
from eventstore.errors import DefectError, TransientError
from ticketing.booking.commands import PayBooking, ReinstateBooking
from ticketing.booking.decider import amount_mismatch
from ticketing.booking.events import BookingEvent
from ticketing.booking.rejections import (
    BookingIsExpired,
    BookingIsNotConfirmed,
    BookingRejection,
)
from ticketing.booking.state import Booking
from ticketing.command_handler import Accepted
from ticketing.ids import (
    FIRST_ATTEMPT,
    BookingId,
    PaymentId,
    booking_stream,
    command_id,
    payment_stream,
    reinstatement_attempt,
)
from ticketing.payment.commands import (
    ApplyPayment,
    PaymentCommand,
    RefusePayment,
    RequestRefund,
)
from ticketing.payment.events import PaymentEvent, RefusalReason
from ticketing.payment.rejections import (
    PaymentIsRefunded,
    PaymentRefundIsRequested,
    PaymentRejection,
)
from ticketing.payment.state import Capture, Payment
from ticketing.policies import patience_with, patience_with_refusal, refund_reason
from ticketing.receipts import NotAtProvider
from ticketing.reservations.api import Reserved

PROCESS = "BookingPaymentProcess"
BY_THIS_PROCESS: Metadata = {"process": PROCESS}

_log = structlog.get_logger()

Answer = Accepted[Booking | None, BookingEvent] | BookingRejection


async def use_new_payment(payment_id: PaymentId, _: PaymentEvent, by: Services) -> None:
    """Use a payment that has just been reported; no other waits for a provider that is away."""
    try:
        await use_payment(payment_id, timedelta(0), by)
    except TransientError as error:
        _log.warning("payment not used yet", payment_id=payment_id, error=str(error))


async def use_payment(payment_id: PaymentId, waited: timedelta, by: Services) -> None:
    """Apply it, or request its refund; neither, while its booking may still be confirmed."""
    payment = await by.payments.read(payment_stream(payment_id))
    assert payment is not None  # its events are in the log
    if payment.status not in ("reported", "received"):
        return  # an event that comes again must not pay with money that went back
    match await by.receipts.receive(payment_id, BY_THIS_PROCESS):
        case NotAtProvider(reason=reason):
            if waited >= patience_with_refusal(reason):
                await _refuse(payment_id, payment.booking_id, reason, by)
        case Accepted(state=Payment(status="received", capture=Capture(amount=amount)) as money):
            pay = PayBooking(booking_id=money.booking_id, payment_id=payment_id, amount=amount)
            await _use(pay, waited, by)
        case Accepted():
            pass  # somebody else was faster
        case rejection:
            raise DefectError(f"{payment_id}: the provider's answer met {rejection!r}")


async def _refuse(
    payment_id: PaymentId, booking_id: BookingId, reason: RefusalReason, by: Services
) -> None:
    refusal = RefusePayment(payment_id=payment_id, booking_id=booking_id, reason=reason)
    await by.receipts.refuse(refusal, BY_THIS_PROCESS)


async def _use(pay: PayBooking, waited: timedelta, by: Services) -> None:
    booking_id, payment_id = pay.booking_id, pay.payment_id
    answer = await _answer(pay, waited, by)
    if isinstance(answer, Accepted):
        await _tell(ApplyPayment(payment_id=payment_id, booking_id=booking_id), "apply", by)
    elif waited >= patience_with(answer, by.terms):
        reason = refund_reason(answer)
        refund = RequestRefund(payment_id=payment_id, reason=reason)
        # Somebody else's request may have another reason: there is more than one truth about
        # a booking that expired, and then got its seats back with other money.
        fine = (PaymentRefundIsRequested, PaymentIsRefunded)
        await _tell(refund, f"request refund, {reason}", by, *fine)


async def _answer(pay: PayBooking, waited: timedelta, by: Services) -> Answer:
    answer = await _ask(pay, "pay", by)
    match answer:
        case BookingIsNotConfirmed() if waited >= patience_with(answer, by.terms):
            # Without a final answer of the booking it could be confirmed, and paid with this
            # money by the next who asks, while we give it back.
            await deny_unconfirmed(pay.booking_id, by)
            return await _answer(pay, waited, by)
        case BookingIsExpired() if by.terms.late_payment == "reinstate":
            return await _reinstate(pay, by)
        case _:
            return answer


async def _reinstate(pay: PayBooking, by: Services) -> Answer:
    """The late payment policy: the same seats again, if nobody has taken one of them."""
    booking = await by.bookings.read(booking_stream(pay.booking_id))
    assert booking is not None  # it just said that it is expired
    if mismatch := amount_mismatch(booking, pay):
        return mismatch  # first: whoever else uses this payment must be given the same reason
    await by.reservations.release(pay.booking_id, FIRST_ATTEMPT)  # may not have happened yet
    attempt = reinstatement_attempt(pay.payment_id)
    reserved = await by.reservations.reserve(
        pay.booking_id, attempt, booking.concert_id, booking.seats
    )
    if not isinstance(reserved, Reserved):
        return await _ask(pay, "pay", by)  # another one may have settled it
    reinstate = ReinstateBooking(**pay.model_dump(), tickets=reserved.tickets)
    answer = await _ask(reinstate, "reinstate", by)
    if not isinstance(answer, Accepted):
        await by.reservations.release(pay.booking_id, attempt)
    return answer


async def _ask(command: PayBooking | ReinstateBooking, step: str, by: Services) -> Answer:
    return await by.bookings.execute(
        command,
        command_id=command_id(f"{PROCESS}/{payment_stream(command.payment_id)}", step),
        metadata=BY_THIS_PROCESS,
    )


async def _tell(
    command: PaymentCommand, step: str, by: Services, *fine: type[PaymentRejection]
) -> None:
    answer = await by.payments.execute(
        command,
        command_id=command_id(f"{PROCESS}/{payment_stream(command.payment_id)}", step),
        metadata=BY_THIS_PROCESS,
    )
    if not isinstance(answer, (Accepted, *fine)):
        raise DefectError(f"{command.payment_id}: {step} was answered {answer!r}")
