"""The booking process: reserve, confirm or deny, wait for payment, then settle, cancel or expire.

Every step is safe to repeat. The entity decides every race; the process only asks it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Literal, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError, RetryState
from temporalio.exceptions import TimeoutError as TimedOut

from activities.bookings import BookingAccepted, BookingActivities, BookingAnswer
from activities.reservations import ReservationActivities, ReserveSeats
from ticketing.booking.commands import (
    BookingCommand,
    CancelBooking,
    ConfirmBooking,
    DenyBooking,
    ExpireBooking,
    PlaceBooking,
)
from ticketing.booking.events import BookingStatus
from ticketing.booking.rejections import BookingRejection, TooEarlyToExpire, final_status_in
from ticketing.ids import FIRST_ATTEMPT, PaymentId
from ticketing.money import Money
from ticketing.notifications.api import Notification, NotificationKind
from ticketing.policies import ProcessTerms
from ticketing.process import CancelAnswer, PlaceAnswer
from ticketing.reservations.api import Refusal, Reserved, denial_reason
from ticketing.seats import Ticket
from workflows import steps
from workflows.activity_options import RESERVATION, RESERVATION_AT_ONCE
from workflows.messages import (
    BookingOutcome,
    BookingProgress,
    CancelRequest,
    PlaceRequest,
    Settled,
)
from workflows.web_ui import HOW_TO_CANCEL, cancel_request, clipped, ended, listed, update

RE_ARM_FIRST = timedelta(seconds=1)  # the pause when the entity says: too early to expire
RE_ARM_MAX = timedelta(minutes=1)  # pauses double, so that clocks far apart cost few timers

C = TypeVar("C", bound=BookingCommand)


@workflow.defn
class BookingWorkflow:
    @workflow.init
    def __init__(self, request: PlaceRequest) -> None:
        self._request = request
        self._waiting_for = "its place in the log"
        self._total: Money | None = None
        self._expires_at: datetime | None = None
        self._decision: PlaceAnswer | None = None
        self._cancellation: CancelRequest | None = None
        self._settled_by: PaymentId | None = None  # somebody says so
        self._is_settled = False
        self._outcome: BookingOutcome | None = None

    @workflow.run
    async def run(self, request: PlaceRequest) -> BookingOutcome:
        """Lead the booking from the request to its end."""
        booking = asyncio.create_task(self._book(request))
        try:
            self._outcome = await asyncio.shield(booking)
        except asyncio.CancelledError:  # "Request Cancellation" in the Web UI cuts off no step
            self._cancellation = self._cancellation or CancelRequest(
                reason="process cancelled", cancelled_by="operator"
            )
            self._outcome = await booking
        workflow.set_current_details(
            ended(self._outcome.status, self._outcome.reason, by=self._settled_by)
        )
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._outcome

    async def _book(self, request: PlaceBooking) -> BookingOutcome:
        terms = await steps.read_terms()
        placed = await self._ask(BookingActivities.place_booking, request, "place")
        if not isinstance(placed, BookingAccepted):
            return self._reject(placed)

        reservation = await self._reserve(terms)
        if self._cancellation:
            return await self._cancel(self._cancellation)
        if not isinstance(reservation, Reserved):
            return await self._deny(reservation)

        confirmed = await self._confirm(reservation)
        if not isinstance(confirmed, BookingAccepted) or confirmed.status != "confirmed":
            return await self._close(confirmed)
        return await self._until_paid(reservation.expires_at, terms)

    async def _until_paid(self, expires_at: datetime | None, terms: ProcessTerms) -> BookingOutcome:
        if expires_at:
            await self._remind(expires_at, terms)
        deadline = expires_at and expires_at + terms.expiry_grace
        expire, pause = ExpireBooking(booking_id=self._request.booking_id), RE_ARM_FIRST
        while not await self._woken(terms, until=deadline, summary="the booking expires"):
            expired = await self._ask(BookingActivities.expire_booking, expire, "expire")
            if not isinstance(expired, TooEarlyToExpire):
                return await self._close(expired)
            deadline = workflow.now() + pause  # the database's clock is behind Temporal's
            pause = min(2 * pause, RE_ARM_MAX)

        if self._is_settled or not self._cancellation:
            return self._ended("settled")
        return await self._cancel(self._cancellation)

    async def _remind(self, expires_at: datetime, terms: ProcessTerms) -> None:
        """Remind the client once, unless the deadline passed while no worker ran."""
        remind_at = expires_at - terms.reminder_before
        if not workflow.now() < remind_at < expires_at:
            return
        woken = await self._woken(terms, until=remind_at, summary="remind the client to pay")
        if not woken and workflow.now() < expires_at:
            await self._tell("payment_reminder")

    async def _reserve(self, terms: ProcessTerms) -> Reserved | Refusal | None:
        """Return the service's answer; None if it came too late or a cancel came first.

        A service that answers at once costs no second workflow task. One that does not is asked by
        an activity of its own; for the service, both are the same request.
        """
        within = terms.confirmation_timeout
        self._say("the reservation of its seats", until=workflow.now() + within)
        request = ReserveSeats(
            booking_id=self._request.booking_id,
            attempt=FIRST_ATTEMPT,
            concert_id=self._request.concert_id,
            seats=self._request.seats,
        )
        summary = clipped(f"reserve {listed(self._request)}")
        if terms.reserves_at_once:
            with suppress(FailureError):  # a replay raises a timeout without its ActivityError
                return await workflow.execute_local_activity_method(
                    ReservationActivities.reserve_seats,
                    request,
                    summary=summary,
                    **RESERVATION_AT_ONCE,
                )
        reserving = workflow.start_activity_method(
            ReservationActivities.reserve_seats,
            request,
            schedule_to_close_timeout=within,
            summary=summary,
            **RESERVATION,
        )
        await workflow.wait_condition(lambda: reserving.done() or self._cancellation is not None)
        if not reserving.done():
            reserving.cancel()  # a request that arrives after the release is refused
            return None
        try:
            return await reserving
        except ActivityError as error:
            if error.retry_state == RetryState.TIMEOUT or isinstance(error.cause, TimedOut):
                return None
            raise  # a defect fails the workflow visibly and leaves the booking as it is

    async def _confirm(self, reserved: Reserved) -> BookingAnswer:
        command = ConfirmBooking(
            booking_id=self._request.booking_id,
            tickets=reserved.tickets,
            expires_at=reserved.expires_at,
        )
        answer = await self._ask(BookingActivities.confirm_booking, command, "confirm")
        if isinstance(answer, BookingAccepted):
            self._total, self._expires_at = answer.total, reserved.expires_at
            self._decide(answer.status, tickets=reserved.tickets)
            await self._tell("settled" if answer.status == "settled" else "confirmed")
        return answer

    async def _deny(self, refusal: Refusal | None) -> BookingOutcome:
        reason = denial_reason(refusal) if refusal else "reservation_timed_out"
        command = DenyBooking(booking_id=self._request.booking_id, reason=reason)
        answer = await self._ask(BookingActivities.deny_booking, command, f"deny: {reason}")
        # a refused reservation holds no seats; one that timed out may hold them
        return await self._close(answer, holds_seats=refusal is None)

    async def _cancel(self, request: CancelRequest) -> BookingOutcome:
        command = CancelBooking(
            booking_id=self._request.booking_id,
            reason=request.reason,
            cancelled_by=request.cancelled_by,
        )
        answer = await self._ask(
            BookingActivities.cancel_booking, command, f"cancel, for the {request.cancelled_by}"
        )
        return await self._close(answer)

    async def _close(self, answer: BookingAnswer, *, holds_seats: bool = True) -> BookingOutcome:
        """End the process: release the seats unless they are bought, and notify the client."""
        status = _status(answer)
        reason = answer.reason if isinstance(answer, BookingAccepted) else None
        self._decide(status, reason=reason)
        if status in ("denied", "cancelled", "expired"):
            if holds_seats:
                await self._release()
            await self._tell(status, reason=reason)
        return self._ended(status, reason)

    async def _release(self) -> None:
        self._say("the release of its seats")
        summary = f"release {listed(self._request)}"
        await steps.release(self._request.booking_id, FIRST_ATTEMPT, summary)

    async def _tell(self, kind: NotificationKind, *, reason: str | None = None) -> None:
        await steps.tell(
            Notification(
                kind=kind,
                about=self._request.booking_id,
                booking_id=self._request.booking_id,
                client_id=self._request.client_id,
                seats=self._request.seats,
                total=self._total,
                expires_at=self._expires_at,
                reason=reason,
            )
        )

    async def _ask(
        self,
        step: Callable[[BookingActivities, C], Awaitable[BookingAnswer]],
        command: C,
        summary: str,
    ) -> BookingAnswer:
        """Send a command to the booking, and retry until it answers."""
        self._waiting_for = f"the answer to '{summary}'"
        return await steps.ask(step, command, summary)

    async def _woken(self, terms: ProcessTerms, *, until: datetime | None, summary: str) -> bool:
        """Wait for the payment or a cancel; return False if the instant came first."""
        while not (self._is_settled or self._cancellation):
            self._say(f"payment of {self._total}", until=self._expires_at)
            timeout = None if until is None else max(until - workflow.now(), timedelta(0))
            try:
                await workflow.wait_condition(
                    lambda: self._settled_by is not None or self._cancellation is not None,
                    timeout=timeout,
                    timeout_summary=summary,
                )
            except TimeoutError:
                return False
            if payment_id := self._settled_by:
                self._settled_by = None  # until it is known; meanwhile another signal may come
                if await self._confirms_settled(terms):
                    self._is_settled, self._settled_by = True, payment_id
        return True

    async def _confirms_settled(self, terms: ProcessTerms) -> bool:
        """Ask the booking, because anybody can send a signal."""
        if not terms.signals_are_checked:
            return True
        booking = await steps.ask(
            BookingActivities.read_booking, self._request.booking_id, "is it settled?"
        )
        return booking is not None and booking.status == "settled"

    def _reject(self, rejection: BookingRejection) -> BookingOutcome:
        self._decision = PlaceAnswer(
            booking_id=self._request.booking_id, status="rejected", rejection=rejection
        )
        return self._ended("rejected", rejection.type)

    def _decide(
        self, status: BookingStatus, *, tickets: tuple[Ticket, ...] = (), reason: str | None = None
    ) -> None:
        """Answer the client who placed the booking; only the first decision counts."""
        self._decision = self._decision or PlaceAnswer(
            booking_id=self._request.booking_id,
            status=status,
            total=self._total,
            tickets=tickets,
            expires_at=self._expires_at,
            reason=reason,
        )

    def _ended(
        self, status: BookingStatus | Literal["rejected"], reason: str | None = None
    ) -> BookingOutcome:
        return BookingOutcome(booking_id=self._request.booking_id, status=status, reason=reason)

    def _say(self, waiting_for: str, *, until: datetime | None = None) -> None:
        """Show what the process waits for, in the Web UI and to the `status` query."""
        self._waiting_for = waiting_for
        steps.say(waiting_for, until=until)

    @update(description="Answers what was decided, once it is. No input")
    async def decision(self) -> PlaceAnswer:
        await workflow.wait_condition(lambda: self._decision is not None)
        assert self._decision is not None
        return self._decision

    @update(description=HOW_TO_CANCEL)
    async def cancel(self, request: object = None) -> CancelAnswer:
        self._cancellation = self._cancellation or cancel_request(request)
        await workflow.wait_condition(lambda: self._outcome is not None)
        assert self._outcome is not None
        return CancelAnswer(status=self._outcome.status, reason=self._outcome.reason)

    @cancel.validator
    def _is_a_request(self, request: object = None) -> None:
        cancel_request(request)

    @workflow.signal(description="Only for the payment process, once it settled the booking")
    def settled(self, payment: Settled | None = None) -> None:
        if payment:  # a signal that was sent by hand may have no input
            self._settled_by = payment.payment_id

    @workflow.query(description="The request, its decision, what is waited for, the end. No input")
    def status(self) -> BookingProgress:
        return BookingProgress(
            request=self._request,
            waiting_for=self._waiting_for,
            decision=self._decision,
            outcome=self._outcome,
        )


def _status(answer: BookingAnswer) -> BookingStatus:
    """Return the booking's status, from an accepted command or from a rejection.

    Raises:
        ApplicationError: the rejection reports no final status, which is a defect.
    """
    if isinstance(answer, BookingAccepted):
        return answer.status
    status = final_status_in(answer)
    if status is None:
        raise ApplicationError(f"unexpected {answer!r}", type=answer.type, non_retryable=True)
    return status
