"""Each event tells the client what it should, once, and the others are silent."""

import pytest

from choreography.notification import remind, tell_of_refund
from choreography.refund import make_refund
from tests.support.controls import (
    ADA,
    BOOKING_ID,
    CANCEL,
    CANCELLED,
    CONFIRMED,
    CONFIRMED_FREE,
    DENIED,
    EXPIRED,
    PAID,
    PAYMENT_ID,
    PLACED,
    REFUNDED,
    REINSTATED,
    SEATS,
    SETTLED,
    TOTAL,
)
from tests.unit.choreography.office import GRATIS, Office
from ticketing.booking.events import BookingEvent
from ticketing.notifications.api import NotificationKind
from ticketing.policies import UNKNOWN_BOOKING_PATIENCE


async def told(office: Office, *events: BookingEvent) -> list[NotificationKind]:
    """What the client is told when the events are delivered, each twice."""
    for event in events:
        await office.deliver(event, "NotificationProcess")
    return [each.kind for each in office.told]


@pytest.mark.parametrize(
    ("event", "kinds"),
    [
        (PLACED, []),
        (CONFIRMED, ["confirmed"]),
        (DENIED, ["denied"]),
        (CANCELLED, ["cancelled"]),
        (EXPIRED, ["expired"]),
        (PAID, []),
        (REINSTATED, []),
        (SETTLED, ["settled"]),
    ],
    ids=lambda each: getattr(each, "type", None),
)
async def test_an_event_is_told_as_what_it_is_and_once(
    office: Office, event: BookingEvent, kinds: list[NotificationKind]
) -> None:
    await office.confirmed()
    assert await told(office, event) == kinds


async def test_a_free_booking_is_settled_without_having_been_confirmed_first(
    office: Office,
) -> None:
    await office.confirmed(GRATIS)
    assert await told(office, PLACED, CONFIRMED_FREE, SETTLED) == ["settled"]


async def test_a_confirmation_says_what_to_pay_until_when(office: Office) -> None:
    await office.confirmed()
    await told(office, CONFIRMED)
    [message] = office.told
    assert (message.client_id, message.seats, message.total) == (ADA, SEATS, TOTAL)
    assert message.expires_at == (await office.booking()).expires_at is not None


async def test_an_end_says_why_and_no_deadline(office: Office) -> None:
    await office.confirmed()
    await office.ask(CANCEL)
    await told(office, CANCELLED)
    [message] = office.told
    assert (message.reason, message.expires_at) == (CANCEL.reason, None)


@pytest.mark.parametrize("paid", [False, True], ids=["unpaid", "paid"])
async def test_only_who_has_not_paid_is_reminded(office: Office, *, paid: bool) -> None:
    await office.confirmed()
    if paid:
        await office.receive()
        await office.use()
    for _ in ("found", "found again"):
        await remind(BOOKING_ID, office.services())
    assert [each.kind for each in office.told] == ["payment_reminder"] * (not paid)


async def test_a_refund_is_told_to_the_client_of_its_booking_once(office: Office) -> None:
    await office.place()
    await office.ask(CANCEL)
    await office.receive()
    await office.use()
    await make_refund(PAYMENT_ID, office.services())
    for _ in ("delivered", "delivered again"):
        await tell_of_refund(PAYMENT_ID, REFUNDED, office.services())
    [message] = office.told
    assert (message.kind, message.about, message.reason) == (
        "refunded",
        PAYMENT_ID,
        "booking_cancelled",
    )
    assert (message.client_id, message.total) == (ADA, TOTAL)


async def test_a_refund_without_a_booking_has_nobody_to_tell(office: Office) -> None:
    await office.receive()
    await office.use(waited=UNKNOWN_BOOKING_PATIENCE)
    await tell_of_refund(PAYMENT_ID, REFUNDED, office.services())
    assert office.told == []
