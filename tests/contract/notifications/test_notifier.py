"""The promise of `Notifier`, by every implementation."""

import asyncio
from typing import cast

import asyncpg
import pytest
from structlog.testing import capture_logs

from ticketing.ids import BookingId, ClientId
from ticketing.notifications import log
from ticketing.notifications.api import Notification, Notifier, Sender
from ticketing.notifications.memory import MemoryNotifier
from ticketing.notifications.postgres import PostgresNotifier

EXPIRED = Notification(
    kind="expired", about="b1", booking_id=BookingId("b1"), client_id=ClientId("ann")
)
REFUNDED = EXPIRED.model_copy(update={"kind": "refunded"})


class Outbox:
    def __init__(self) -> None:
        self.sent: list[Notification] = []
        self.broken = False

    async def send(self, notification: Notification) -> None:
        self.sent.append(notification)
        if self.broken:
            raise ConnectionError("no mail today")


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def notifier(request: pytest.FixtureRequest, outbox: Outbox) -> Notifier:
    send: Sender = outbox.send
    if request.param == "memory":
        return MemoryNotifier(send)
    return PostgresNotifier(cast(asyncpg.Pool, request.getfixturevalue("pool")), send)


async def test_a_client_is_told_once_of_each_kind(notifier: Notifier, outbox: Outbox) -> None:
    assert await notifier.notify(EXPIRED)
    assert not await notifier.notify(EXPIRED)
    assert await notifier.notify(REFUNDED)
    assert outbox.sent == [EXPIRED, REFUNDED]


async def test_of_many_at_once_one_is_sent(notifier: Notifier, outbox: Outbox) -> None:
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(notifier.notify(EXPIRED)) for _ in range(8)]
    assert sum(call.result() for call in calls) == 1
    assert outbox.sent == [EXPIRED]


async def test_a_failed_attempt_is_not_repeated(notifier: Notifier, outbox: Outbox) -> None:
    outbox.broken = True
    with pytest.raises(ConnectionError):
        await notifier.notify(EXPIRED)
    outbox.broken = False
    assert not await notifier.notify(EXPIRED)
    assert outbox.sent == [EXPIRED]


async def test_the_log_says_who_was_told_what_in_one_line() -> None:
    with capture_logs() as lines:
        await log.send(EXPIRED)
    assert [(line["kind"], line["booking_id"]) for line in lines] == [("expired", "b1")]
