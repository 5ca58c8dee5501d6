"""The payment process: money arrived, so it pays for a booking.

A payment the booking refuses stays `received` and is listed by `box-office verify`.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

from activities.bookings import BookingAccepted, BookingActivities, BookingAnswer
from activities.notifications import NotificationActivities
from activities.payments import PaymentAccepted, PaymentActivities
from activities.terms import TermsActivities
from ticketing.booking.commands import ReceivePayment as PayBooking
from ticketing.ids import booking_stream
from ticketing.notifications.api import Notification
from ticketing.payment.commands import ApplyPayment, ReceivePayment
from ticketing.process import PaymentOutcome
from workflows.activity_options import ENTITY_COMMAND, NOTIFICATION
from workflows.booking import BookingWorkflow
from workflows.messages import Settled

PAUSE_FIRST = timedelta(seconds=1)  # a confirmation takes about as long
PAUSE_MAX = timedelta(seconds=30)
UNKNOWN_BOOKING_TIMEOUT = timedelta(seconds=30)  # how much earlier than its booking money may be


@workflow.defn
class PaymentWorkflow:
    @workflow.run
    async def run(self, payment: ReceivePayment) -> PaymentOutcome:
        """From the money's arrival to its use."""
        received = await workflow.execute_local_activity_method(
            PaymentActivities.receive_payment, payment, **ENTITY_COMMAND
        )
        if not isinstance(received, PaymentAccepted):
            return PaymentOutcome(
                payment_id=payment.payment_id, status="rejected", reason=received.type
            )

        answer = await self._pay(payment)
        if not isinstance(answer, BookingAccepted):
            workflow.set_current_details(f"Not applied: **{answer.type}**")
            return PaymentOutcome(
                payment_id=payment.payment_id, status="received", reason=answer.type
            )
        await self._apply(payment)
        await self._tell_booking_process(payment)
        await self._tell_client(payment, answer)
        return PaymentOutcome(payment_id=payment.payment_id, status="applied")

    async def _pay(self, payment: ReceivePayment) -> BookingAnswer:
        """The booking's answer; a payment that overtook its confirmation waits for it."""
        started_at, pause = workflow.now(), PAUSE_FIRST
        terms = await workflow.execute_local_activity_method(
            TermsActivities.process_terms, **ENTITY_COMMAND
        )
        patience = {
            "BookingIsNotConfirmed": terms.confirmation_timeout,
            "BookingNotFound": UNKNOWN_BOOKING_TIMEOUT,
        }
        while True:
            answer = await workflow.execute_local_activity_method(
                BookingActivities.pay_booking,
                PayBooking(
                    booking_id=payment.booking_id,
                    payment_id=payment.payment_id,
                    amount=payment.amount,
                ),
                **ENTITY_COMMAND,
            )
            if workflow.now() - started_at >= patience.get(answer.type, timedelta(0)):
                return answer
            workflow.set_current_details(f"Waits for the booking: **{answer.type}**")
            await workflow.sleep(pause, summary="the booking may be confirmed by then")
            pause = min(2 * pause, PAUSE_MAX)

    async def _apply(self, payment: ReceivePayment) -> None:
        applied = await workflow.execute_local_activity_method(
            PaymentActivities.apply_payment,
            ApplyPayment(payment_id=payment.payment_id, booking_id=payment.booking_id),
            **ENTITY_COMMAND,
        )
        if not isinstance(applied, PaymentAccepted):
            raise ApplicationError(f"paid but not applied: {applied!r}", non_retryable=True)

    async def _tell_booking_process(self, payment: ReceivePayment) -> None:
        process: workflow.ExternalWorkflowHandle[BookingWorkflow]
        process = workflow.get_external_workflow_handle_for(
            BookingWorkflow.run, booking_stream(payment.booking_id)
        )
        try:
            await process.signal(BookingWorkflow.settled, Settled(payment_id=payment.payment_id))
        except FailureError:  # no such process any more; the booking itself is settled
            workflow.logger.info("booking process is gone")

    async def _tell_client(self, payment: ReceivePayment, booking: BookingAccepted) -> None:
        receipt = Notification(
            kind="settled",
            about=payment.booking_id,
            booking_id=payment.booking_id,
            client_id=booking.client_id,
            seats=booking.seats,
            total=payment.amount,
        )
        try:
            await workflow.execute_local_activity_method(
                NotificationActivities.notify_client, receipt, **NOTIFICATION
            )
        except FailureError as failure:  # never fails the process
            workflow.logger.warning("client not told: %s", failure)
