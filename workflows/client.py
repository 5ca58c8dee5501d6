"""Clients of the orchestrated booking process: they start, update and query workflows."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from typing import TypeVar

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from ticketing.booking.commands import PlaceBooking
from ticketing.booking.rejections import BookingAlreadyExists
from ticketing.ids import BookingId, booking_stream, payment_stream
from ticketing.payment.commands import ReportPayment
from ticketing.process import CancelAnswer, NoAnswerError, PaymentOutcome, PlaceAnswer
from workflows.booking import BookingWorkflow
from workflows.encryption import UnknownKeyError, pseudonym
from workflows.messages import (
    BookingOutcome,
    BookingProgress,
    CancelRequest,
    ReportedPayment,
)
from workflows.payment import PaymentWorkflow
from workflows.web_ui import booking_texts, payment_texts

CONCERT_ID = SearchAttributeKey.for_keyword("ConcertId")
CLIENT_ID = SearchAttributeKey.for_keyword("ClientId")
NOT_NOW = RPCStatusCode.FAILED_PRECONDITION  # of updates and queries after a failed task
ASK_AGAIN_SECONDS = 0.5  # Temporal retries a failed workflow task after some seconds

# What is raised when nobody can read how a workflow ended: it has another type, or another key.
UNREADABLE = (KeyError, RuntimeError, TypeError, ValueError, UnknownKeyError)

W = TypeVar("W")
T = TypeVar("T")


class OrchestratedBookingProcess:
    """A `BookingProcess` on Temporal. `patience` is how long a caller waits for an answer."""

    def __init__(self, client: Client, task_queue: str, *, patience: timedelta) -> None:
        self._client = client
        self._task_queue = task_queue
        self._patience = patience

    async def place(self, request: PlaceBooking) -> PlaceAnswer:
        try:
            async with asyncio.timeout(self._patience.total_seconds()):
                while (answer := await self._decision(request)) is None:  # noqa: ASYNC110  # nobody calls back
                    await asyncio.sleep(ASK_AGAIN_SECONDS)
                return answer
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
            raise NoAnswerError(f"no decision on {request.booking_id} in time") from error

    async def _decision(self, request: PlaceBooking) -> PlaceAnswer | None:
        """Return the decision; None while Temporal takes no update, after a failed task."""
        try:
            try:
                return await self._start_and_decide(request, WorkflowIDReusePolicy.REJECT_DUPLICATE)
            except WorkflowAlreadyStartedError:
                return await self._existing(request)
        except RPCError as error:
            if error.status is not NOT_NOW:
                raise
            return None

    async def _start_and_decide(
        self, request: PlaceBooking, reuse: WorkflowIDReusePolicy
    ) -> PlaceAnswer:
        start = WithStartWorkflowOperation(
            BookingWorkflow.run,
            request,
            id=booking_stream(request.booking_id),
            task_queue=self._task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            id_reuse_policy=reuse,
            search_attributes=_columns(self._client, request),
            **booking_texts(request),
        )
        try:
            return await self._client.execute_update_with_start_workflow(
                BookingWorkflow.decision,
                start_workflow_operation=start,
                # a request with other content must not get this request's answer
                id=f"decision-{pseudonym(self._client.data_converter, _digest(request))}",
                rpc_timeout=self._patience,
            )
        finally:
            # asyncio would warn of an exception that nobody read
            with suppress(RPCError, WorkflowAlreadyStartedError):
                await start.workflow_handle()

    async def _existing(self, request: PlaceBooking) -> PlaceAnswer:
        """Return the answer of a process that exists, perhaps because of another request."""
        handle = booking_handle(self._client, request.booking_id)
        progress = await self._progress(handle)
        if progress.outcome and progress.outcome.status == "rejected":
            # nothing was booked, so a corrected request may use the id
            return await self._start_and_decide(request, WorkflowIDReusePolicy.ALLOW_DUPLICATE)
        if progress.request != request:
            return PlaceAnswer(
                booking_id=request.booking_id, status="rejected", rejection=BookingAlreadyExists()
            )
        if progress.decision:
            return progress.decision
        return await handle.execute_update(BookingWorkflow.decision, rpc_timeout=self._patience)

    async def _progress(
        self, handle: WorkflowHandle[BookingWorkflow, BookingOutcome]
    ) -> BookingProgress:
        try:
            # Without a worker it waits in vain, and time must be left to read the history.
            # `rpc_timeout` would not do: the SDK repeats a query that runs into it.
            async with asyncio.timeout(self._patience.total_seconds() / 2):
                return await handle.query(BookingWorkflow.status)
        except (TimeoutError, RPCError) as error:
            if (await handle.describe()).status is not WorkflowExecutionStatus.COMPLETED:
                if isinstance(error, RPCError) and error.status is NOT_NOW:
                    raise  # no worker answers as yet; the caller asks again
                raise NoAnswerError(f"nobody answers for {handle.id}") from error
        # No worker of its version is left to answer; the history tells the same.
        request = await requested(self._client, handle)
        outcome = await handle.result()
        decision = PlaceAnswer(**outcome.model_dump()) if outcome.status != "rejected" else None
        return BookingProgress(
            request=request, waiting_for="nothing", decision=decision, outcome=outcome
        )

    async def pay(self, payment: ReportPayment) -> PaymentOutcome:
        handle = await start_payment(self._client, self._task_queue, payment)
        return await self._result(handle, f"{payment.payment_id} is not settled in time")

    async def cancel(self, booking_id: BookingId, reason: str) -> CancelAnswer:
        handle = booking_handle(self._client, booking_id)
        try:
            return await handle.execute_update(
                BookingWorkflow.cancel, CancelRequest(reason=reason), rpc_timeout=self._patience
            )
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            hint = "unless a worker has taken the cancel, repeat it"
            raise NoAnswerError(f"{booking_id} is not cancelled in time; {hint}") from error
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        try:
            outcome = await self._result(handle, f"{handle.id} did not end in time")
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return CancelAnswer(status="not_found")
            raise
        return CancelAnswer(status=outcome.status, reason=outcome.reason)

    async def _result(self, handle: WorkflowHandle[W, T], too_late: str) -> T:
        try:
            # `rpc_timeout` would not do: the SDK repeats a long poll that runs into it
            async with asyncio.timeout(self._patience.total_seconds()):
                return await handle.result()
        except TimeoutError as error:
            raise NoAnswerError(too_late) from error


def booking_handle(
    client: Client, booking_id: BookingId
) -> WorkflowHandle[BookingWorkflow, BookingOutcome]:
    """Return the handle of a booking's workflow."""
    return client.get_workflow_handle_for(BookingWorkflow.run, booking_stream(booking_id))


async def requested(
    client: Client, handle: WorkflowHandle[BookingWorkflow, BookingOutcome]
) -> PlaceBooking:
    """Read the request that started a booking's workflow from its history, without a worker."""
    started = await anext(handle.fetch_history_events(page_size=1))
    payloads = started.workflow_execution_started_event_attributes.input.payloads
    (request,) = await client.data_converter.decode(payloads, [PlaceBooking])
    assert isinstance(request, PlaceBooking)
    return request


async def start_booking(client: Client, task_queue: str, request: PlaceBooking) -> None:
    """Start the workflow of a booking, unless it is running."""
    await client.start_workflow(
        BookingWorkflow.run,
        request,
        id=booking_stream(request.booking_id),
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        search_attributes=_columns(client, request),
        **booking_texts(request),
    )


async def start_payment(
    client: Client,
    task_queue: str,
    payment: ReportPayment,
    *,
    again: bool = False,
    after_a_refusal: bool = False,
) -> WorkflowHandle[PaymentWorkflow, PaymentOutcome]:
    """Start the workflow of a payment, unless it is running.

    A workflow that has ended is started again with `again`, or if it failed or rejected a report
    that may be true by now. One that is about to end with a refusal is told by a signal if the
    report came after that refusal: Temporal lets no workflow end before it has seen its signals.
    """
    reuse = WorkflowIDReusePolicy
    again = again or after_a_refusal
    try:
        return await client.start_workflow(
            PaymentWorkflow.run,
            ReportedPayment(**payment.model_dump()),
            id=payment_stream(payment.payment_id),
            task_queue=task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=reuse.ALLOW_DUPLICATE if again else reuse.ALLOW_DUPLICATE_FAILED_ONLY,
            search_attributes=await _columns_of_booking(client, payment.booking_id),
            start_signal="reported_again" if after_a_refusal else None,
            **payment_texts(payment),
        )
    except WorkflowAlreadyStartedError:
        ended = client.get_workflow_handle_for(
            PaymentWorkflow.run, payment_stream(payment.payment_id)
        )
        if await _is_final(ended):
            return ended
        return await start_payment(client, task_queue, payment, again=True)


async def _is_final(ended: WorkflowHandle[PaymentWorkflow, PaymentOutcome]) -> bool:
    """Return whether the workflow led the payment to its end; a stranger's is unreadable."""
    try:
        return (await ended.result()).status != "rejected"
    except UNREADABLE:
        return False


def _digest(command: PlaceBooking) -> str:
    return sha256(command.model_dump_json().encode()).hexdigest()[:16]


def _columns(client: Client, request: PlaceBooking) -> TypedSearchAttributes:
    """Return the search attributes, which Temporal never encrypts."""
    return TypedSearchAttributes(
        [
            SearchAttributePair(CONCERT_ID, request.concert_id),
            SearchAttributePair(CLIENT_ID, pseudonym(client.data_converter, request.client_id)),
        ]
    )


async def _columns_of_booking(client: Client, booking_id: BookingId) -> TypedSearchAttributes:
    """Copy the search attributes of the booking's workflow; this costs no Action."""
    try:
        found = (await booking_handle(client, booking_id).describe()).typed_search_attributes
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return TypedSearchAttributes.empty  # it has no workflow yet, or its history was deleted
    return TypedSearchAttributes([pair for pair in found if pair.key in (CONCERT_ID, CLIENT_ID)])
