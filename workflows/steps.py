"""The steps that both processes share."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.notifications import NotificationActivities
from activities.reservations import ReleaseSeats, ReservationActivities
from activities.terms import TermsActivities
from ticketing.ids import BookingId
from ticketing.notifications.api import Notification
from ticketing.policies import ProcessTerms
from workflows.activity_options import (
    ENTITY_COMMAND,
    NOTIFICATION,
    PROVIDER_QUESTION,
    RESERVATION,
    LocalOptions,
)
from workflows.web_ui import clipped, waits

S = TypeVar("S")
C = TypeVar("C")
A = TypeVar("A")


async def read_terms() -> ProcessTerms:
    """Read the settings that this process keeps to its end."""
    return await workflow.execute_local_activity_method(
        TermsActivities.process_terms, summary="read the terms", **ENTITY_COMMAND
    )


async def ask(step: Callable[[S, C], Awaitable[A]], command: C, summary: str) -> A:
    """Send a command to an entity, and retry until it answers."""
    return await _ask(step, command, summary, ENTITY_COMMAND)


async def ask_provider(step: Callable[[S, C], Awaitable[A]], command: C, summary: str) -> A:
    """Send a command that needs the provider's word, and retry until both have answered."""
    return await _ask(step, command, summary, PROVIDER_QUESTION)


async def _ask(
    step: Callable[[S, C], Awaitable[A]], command: C, summary: str, options: LocalOptions
) -> A:
    say(f"the answer to '{summary}'")
    return await workflow.execute_local_activity_method(
        step, command, summary=clipped(summary), **options
    )


async def release(booking_id: BookingId, attempt: int, summary: str) -> None:
    """Release the seats that the booking holds under this attempt, if it holds any."""
    await workflow.execute_activity_method(
        ReservationActivities.release_seats,
        ReleaseSeats(booking_id=booking_id, attempt=attempt),
        summary=clipped(summary),
        **RESERVATION,
    )


async def tell(notification: Notification) -> None:
    """Notify the client; a failure to notify never fails the process."""
    try:
        await workflow.execute_local_activity_method(
            NotificationActivities.notify_client,
            notification,
            summary=f"tell the client: {notification.kind}",
            **NOTIFICATION,
        )
    except FailureError as failure:
        about = {"booking_id": notification.booking_id}
        workflow.logger.warning("client not told: %s", failure, extra=about)


def say(waiting_for: str, *, until: datetime | None = None) -> None:
    """Show at the top of the Web UI's page what the process waits for."""
    workflow.set_current_details(waits(waiting_for, until))
