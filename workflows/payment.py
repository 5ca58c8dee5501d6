"""The payment process: a payment that was reported ends as tickets or as a refund, exactly once.

It asks the provider what it has, then pays for the booking, waits while the booking is unconfirmed,
reinstates an expired booking, or refunds the payment. Every step is safe to repeat; the entities
decide every race.
"""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

from activities.bookings import BookingAccepted, BookingActivities, BookingAnswer
from activities.payments import PaymentAccepted, PaymentActivities, PaymentAnswer
from activities.provider import ProviderActivities
from activities.reservations import ReservationActivities, ReserveSeats
from ticketing.booking.commands import PayBooking, ReinstateBooking
from ticketing.booking.rejections import BookingIsExpired
from ticketing.ids import FIRST_ATTEMPT, booking_stream, reinstatement_attempt
from ticketing.notifications.api import Notification, NotificationKind
from ticketing.payment.commands import (
    ApplyPayment,
    RecordRefund,
    RefusePayment,
    ReportPayment,
    RequestRefund,
)
from ticketing.payment.events import RefundReason
from ticketing.policies import ProcessTerms, patience_with, patience_with_refusal, refund_reason
from ticketing.process import PaymentOutcome
from ticketing.receipts import NotAtProvider
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
        self._payment_id = payment.payment_id
        # As they were reported, until the provider has said what they are.
        self._booking_id = payment.booking_id
        self._amount = payment.amount
        self._reported_again = False

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
                    extra={"booking_id": self._booking_id},
                )
            else:
                how = (
                    "reinstated" if outcome.reinstated else outcome.refund_reason or outcome.reason
                )
                workflow.set_current_details(ended(outcome.status, how))
                return outcome

    async def _settle(self, report: ReportPayment) -> PaymentOutcome:
        received = await self._receive(report)
        while isinstance(received, NotAtProvider) and self._reported_again:
            received = await self._receive(report)
        if isinstance(received, NotAtProvider):
            return self._rejected(received.reason)
        if not isinstance(received, PaymentAccepted):
            return self._rejected(received.type)
        # Answers in the histories of earlier code do not say what the provider has.
        self._booking_id = received.booking_id or self._booking_id
        self._amount = received.amount or self._amount
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
        return PaymentOutcome(payment_id=self._payment_id, status="applied", reinstated=reinstated)

    async def _receive(self, report: ReportPayment) -> PaymentAnswer:
        """Ask the provider what it has; its ledger may be a little behind its notices."""
        self._reported_again = False
        started_at, pause = workflow.now(), PAUSE_FIRST
        while True:
            answer = await steps.ask_provider(PaymentActivities.receive_payment, report, "receive")
            if not isinstance(answer, NotAtProvider):
                return answer
            give_up_at = started_at + patience_with_refusal(answer.reason)
            if workflow.now() >= give_up_at:
                break
            steps.say(f"the provider to know {self._payment_id}", until=give_up_at)
            await workflow.sleep(pause, summary="ask the provider again")
            pause = min(2 * pause, PAUSE_MAX)
        refusal = RefusePayment(
            payment_id=self._payment_id, booking_id=self._booking_id, reason=answer.reason
        )
        return await steps.ask_provider(
            PaymentActivities.refuse_payment, refusal, f"refuse: {answer.reason}"
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
                f"{booking_stream(self._booking_id)} to take the money ({answer.type})",
                until=give_up_at,
            )
            await workflow.sleep(pause, summary=f"ask {booking_stream(self._booking_id)} again")
            pause = min(2 * pause, PAUSE_MAX)

    async def _ask_booking(self) -> BookingAnswer:
        assert self._amount is not None  # the provider said it
        command = PayBooking(
            booking_id=self._booking_id, payment_id=self._payment_id, amount=self._amount
        )
        return await steps.ask(BookingActivities.pay_booking, command, "pay the booking")

    async def _reinstate(self) -> BookingAnswer:
        """Follow the late payment policy: reserve the same seats again if all of them are free."""
        booking = await self._booking()
        assert booking is not None  # it has just answered that it is expired
        await self._release(FIRST_ATTEMPT)  # the booking process may not have released them yet
        attempt = reinstatement_attempt(self._payment_id)
        steps.say("the same seats again: the money is late")
        reserved = await workflow.execute_activity_method(
            ReservationActivities.reserve_seats,
            ReserveSeats(
                booking_id=self._booking_id,
                attempt=attempt,
                concert_id=booking.concert_id,
                seats=booking.seats,
            ),
            summary="reserve the same seats again",
            **RESERVATION,
        )
        if not isinstance(reserved, Reserved):
            return await self._ask_booking()  # another payment may have settled it meanwhile
        assert self._amount is not None  # the provider said it
        command = ReinstateBooking(
            booking_id=self._booking_id,
            payment_id=self._payment_id,
            amount=self._amount,
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
        await steps.release(self._booking_id, attempt, f"release {hold}")

    async def _apply(self, booking: BookingAccepted) -> None:
        command = ApplyPayment(payment_id=self._payment_id, booking_id=self._booking_id)
        applied = await steps.ask(PaymentActivities.apply_payment, command, "apply")
        if not isinstance(applied, PaymentAccepted):
            raise ApplicationError(f"paid but not applied: {applied!r}", non_retryable=True)
        await self._tell_client("settled", self._booking_id, booking)
        # Last, because this order saves a workflow task, which is an Action.
        await self._tell_booking_process()

    async def _refund(self, reason: RefundReason) -> PaymentOutcome:
        request = RequestRefund(payment_id=self._payment_id, reason=reason)
        requested = await steps.ask(PaymentActivities.request_refund, request, "request the refund")
        if not isinstance(requested, PaymentAccepted):
            raise ApplicationError(f"cannot be refunded: {requested!r}", non_retryable=True)
        steps.say(f"the provider to refund {self._amount} ({reason})")
        refund_ref = await workflow.execute_activity_method(
            ProviderActivities.refund_payment,
            self._payment_id,
            summary=f"refund {self._amount}: {reason}",
            **REFUND,
        )
        record = RecordRefund(payment_id=self._payment_id, refund_ref=refund_ref)
        await steps.ask(PaymentActivities.record_refund, record, "record the refund")
        booking = await self._booking()
        if booking:  # without a booking there is no client to notify
            await self._tell_client("refunded", self._payment_id, booking, reason=reason)
        return PaymentOutcome(payment_id=self._payment_id, status="refunded", refund_reason=reason)

    def _rejected(self, reason: str) -> PaymentOutcome:
        return PaymentOutcome(payment_id=self._payment_id, status="rejected", reason=reason)

    async def _booking(self) -> BookingAccepted | None:
        return await steps.ask(BookingActivities.read_booking, self._booking_id, "read the booking")

    async def _tell_booking_process(self) -> None:
        process: workflow.ExternalWorkflowHandle[BookingWorkflow]
        process = workflow.get_external_workflow_handle_for(
            BookingWorkflow.run, booking_stream(self._booking_id)
        )
        steps.say(f"{booking_stream(self._booking_id)} to be told")
        try:
            await process.signal(BookingWorkflow.settled, Settled(payment_id=self._payment_id))
        except FailureError:  # that process has ended; the booking itself is settled
            workflow.logger.info("booking process is gone", extra={"booking_id": self._booking_id})

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
                booking_id=self._booking_id,
                client_id=booking.client_id,
                seats=booking.seats,
                total=self._amount,
                reason=reason,
            )
        )

    @workflow.signal(description="Only for the process starter, when a refused payment is reported")
    def reported_again(self) -> None:
        self._reported_again = True
