"""The payment process: a captured payment ends as tickets or as a refund, exactly once.

It pays for the booking, waits while the booking is unconfirmed, reinstates an expired booking, or
refunds the payment. Every step is safe to repeat; the entities decide every race.
"""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

from activities.bookings import BookingAccepted, BookingActivities, BookingAnswer
from activities.payments import PaymentAccepted, PaymentActivities
from activities.provider import ProviderActivities
from activities.reservations import ReservationActivities, ReserveSeats
from ticketing.booking.commands import PayBooking, ReinstateBooking
from ticketing.booking.rejections import BookingIsExpired
from ticketing.ids import FIRST_ATTEMPT, booking_stream, reinstatement_attempt
from ticketing.notifications.api import Notification, NotificationKind
from ticketing.payment.commands import (
    ApplyPayment,
    ReceivePayment,
    RecordRefund,
    RequestRefund,
)
from ticketing.payment.events import RefundReason
from ticketing.policies import ProcessTerms, patience_with, refund_reason
from ticketing.process import PaymentOutcome
from ticketing.reservations.api import Reserved
from workflows import steps
from workflows.activity_options import REFUND, RESERVATION
from workflows.booking import BookingWorkflow
from workflows.messages import PaymentRequest, Settled
from workflows.web_ui import ended

PAUSE_FIRST = timedelta(seconds=1)  # a confirmation takes about this long
PAUSE_MAX = timedelta(seconds=30)


@workflow.defn
class PaymentWorkflow:
    @workflow.init
    def __init__(self, payment: PaymentRequest) -> None:
        self._payment = payment
        self._about = {"booking_id": payment.booking_id}  # these fields stand in every log line
        self._booking_process = booking_stream(payment.booking_id)

    @workflow.run
    async def run(self, payment: PaymentRequest) -> PaymentOutcome:
        """Lead the payment from its capture to tickets or a refund."""
        work = asyncio.create_task(self._settle(payment))
        while True:
            try:
                outcome = await asyncio.shield(work)
            except asyncio.CancelledError:  # "Request Cancellation" in the Web UI
                if work.done():
                    raise  # the worker evicts this run
                workflow.logger.warning(
                    "money that arrived cannot be cancelled, only refunded",
                    extra=self._about,
                )
            else:
                how = (
                    "reinstated" if outcome.reinstated else outcome.refund_reason or outcome.reason
                )
                workflow.set_current_details(ended(outcome.status, how))
                return outcome

    async def _settle(self, payment: ReceivePayment) -> PaymentOutcome:
        received = await steps.ask(PaymentActivities.receive_payment, payment, "receive")
        if not isinstance(received, PaymentAccepted):
            return PaymentOutcome(
                payment_id=payment.payment_id, status="rejected", reason=received.type
            )
        if received.refund_reason:  # an earlier run of this process requested the refund
            return await self._refund(received.refund_reason)

        terms = await steps.read_terms()
        answer, reinstated = await self._pay(terms), False
        if isinstance(answer, BookingIsExpired) and terms.late_payment == "reinstate":
            answer = await self._reinstate()
            reinstated = isinstance(answer, BookingAccepted)
        if not isinstance(answer, BookingAccepted):
            return await self._refund(refund_reason(answer))
        await self._apply(answer)
        return PaymentOutcome(
            payment_id=payment.payment_id, status="applied", reinstated=reinstated
        )

    async def _pay(self, terms: ProcessTerms) -> BookingAnswer:
        """Pay for the booking; a payment that overtook the confirmation waits and retries."""
        started_at, pause = workflow.now(), PAUSE_FIRST
        while True:
            answer = await self._ask_booking()
            if isinstance(answer, BookingAccepted):
                return answer
            give_up_at = started_at + patience_with(answer, terms)
            if workflow.now() >= give_up_at:
                return answer
            steps.say(
                f"{self._booking_process} to take the money ({answer.type})", until=give_up_at
            )
            await workflow.sleep(pause, summary=f"ask {self._booking_process} again")
            pause = min(2 * pause, PAUSE_MAX)

    async def _ask_booking(self) -> BookingAnswer:
        command = PayBooking(
            booking_id=self._payment.booking_id,
            payment_id=self._payment.payment_id,
            amount=self._payment.amount,
        )
        return await steps.ask(BookingActivities.pay_booking, command, "pay the booking")

    async def _reinstate(self) -> BookingAnswer:
        """Follow the late payment policy: reserve the same seats again if all of them are free."""
        booking = await self._booking()
        assert booking is not None  # it has just answered that it is expired
        await self._release(FIRST_ATTEMPT)  # the booking process may not have released them yet
        attempt = reinstatement_attempt(self._payment.payment_id)
        steps.say("the same seats again: the money is late")
        reserved = await workflow.execute_activity_method(
            ReservationActivities.reserve_seats,
            ReserveSeats(
                booking_id=self._payment.booking_id,
                attempt=attempt,
                concert_id=booking.concert_id,
                seats=booking.seats,
            ),
            summary="reserve the same seats again",
            **RESERVATION,
        )
        if not isinstance(reserved, Reserved):
            return await self._ask_booking()  # another payment may have settled it meanwhile
        command = ReinstateBooking(
            booking_id=self._payment.booking_id,
            payment_id=self._payment.payment_id,
            amount=self._payment.amount,
            tickets=reserved.tickets,
        )
        answer = await steps.ask(
            BookingActivities.reinstate_booking, command, "reinstate the booking"
        )
        if not isinstance(answer, BookingAccepted):
            await self._release(attempt)
        return answer

    async def _release(self, attempt: int) -> None:
        hold = "the expired hold" if attempt == FIRST_ATTEMPT else "the seats again"
        steps.say(f"the release of {hold}")
        await steps.release(self._payment.booking_id, attempt, f"release {hold}")

    async def _apply(self, booking: BookingAccepted) -> None:
        command = ApplyPayment(
            payment_id=self._payment.payment_id, booking_id=self._payment.booking_id
        )
        applied = await steps.ask(PaymentActivities.apply_payment, command, "apply")
        if not isinstance(applied, PaymentAccepted):
            raise ApplicationError(f"paid but not applied: {applied!r}", non_retryable=True)
        await self._tell_client("settled", self._payment.booking_id, booking)
        # Last, because this order saves a workflow task, which is an Action.
        await self._tell_booking_process()

    async def _refund(self, reason: RefundReason) -> PaymentOutcome:
        request = RequestRefund(payment_id=self._payment.payment_id, reason=reason)
        requested = await steps.ask(PaymentActivities.request_refund, request, "request the refund")
        if not isinstance(requested, PaymentAccepted):
            raise ApplicationError(f"cannot be refunded: {requested!r}", non_retryable=True)
        steps.say(f"the provider to refund {self._payment.amount} ({reason})")
        refund_ref = await workflow.execute_activity_method(
            ProviderActivities.refund_payment,
            self._payment.payment_id,
            summary=f"refund {self._payment.amount}: {reason}",
            **REFUND,
        )
        record = RecordRefund(payment_id=self._payment.payment_id, refund_ref=refund_ref)
        await steps.ask(PaymentActivities.record_refund, record, "record the refund")
        booking = await self._booking()
        if booking:  # without a booking there is no client to notify
            await self._tell_client("refunded", self._payment.payment_id, booking, reason=reason)
        return PaymentOutcome(
            payment_id=self._payment.payment_id, status="refunded", refund_reason=reason
        )

    async def _booking(self) -> BookingAccepted | None:
        return await steps.ask(
            BookingActivities.read_booking, self._payment.booking_id, "read the booking"
        )

    async def _tell_booking_process(self) -> None:
        process: workflow.ExternalWorkflowHandle[BookingWorkflow]
        process = workflow.get_external_workflow_handle_for(
            BookingWorkflow.run, self._booking_process
        )
        steps.say(f"{self._booking_process} to be told")
        try:
            await process.signal(
                BookingWorkflow.settled, Settled(payment_id=self._payment.payment_id)
            )
        except FailureError:  # that process has ended; the booking itself is settled
            workflow.logger.info("booking process is gone", extra=self._about)

    async def _tell_client(
        self,
        kind: NotificationKind,
        about: str,
        booking: BookingAccepted,
        *,
        reason: str | None = None,
    ) -> None:
        await steps.tell(
            Notification(
                kind=kind,
                about=about,
                booking_id=self._payment.booking_id,
                client_id=booking.client_id,
                seats=booking.seats,
                total=self._payment.amount,
                reason=reason,
            )
        )
