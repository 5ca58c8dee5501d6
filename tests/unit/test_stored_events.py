"""What is in the log stays readable: every event that was ever written is read as it was meant.

`stored_events.jsonl` only grows: a new schema version adds a line, and changes none.
"""

import json
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from eventstore.api import NewEvent
from tests.support import controls
from tests.support.log import stored
from ticketing.booking.events import BookingEvent
from ticketing.command_handler import BOOKING_CODEC, PAYMENT_CODEC
from ticketing.payment.events import PaymentEvent

LINES = Path(__file__).with_name("stored_events.jsonl").read_text("utf-8").splitlines()
STORED = [
    NewEvent(line["type"], line["schema_version"], json.dumps(line["data"], separators=(",", ":")))
    for line in map(json.loads, LINES)
]
BOOKING_EVENTS: dict[str, BookingEvent] = {
    event.type: event
    for history in (*controls.BOOKINGS.values(), controls.REINSTATED_BOOKING)
    for event in history
}
PAYMENT_EVENTS: dict[str, PaymentEvent] = {
    event.type: event for history in controls.PAYMENTS.values() for event in history
}


def decoded(event: NewEvent) -> BookingEvent | PaymentEvent:
    codec = BOOKING_CODEC if event.type in BOOKING_EVENTS else PAYMENT_CODEC
    return codec.decode(stored(event))


@pytest.mark.parametrize("event", STORED, ids=lambda event: f"{event.type}-{event.schema_version}")
def test_every_event_ever_stored_is_still_read(event: NewEvent) -> None:
    assert decoded(event) == (BOOKING_EVENTS | PAYMENT_EVENTS)[event.type]


def test_what_is_written_today_is_among_them() -> None:
    written = [BOOKING_CODEC.encode(event) for event in BOOKING_EVENTS.values()]
    written += [PAYMENT_CODEC.encode(event) for event in PAYMENT_EVENTS.values()]
    assert [event for event in written if event not in STORED] == []


def test_every_event_has_its_example() -> None:
    examples = {type(event) for event in (*BOOKING_EVENTS.values(), *PAYMENT_EVENTS.values())}
    assert examples == {*get_args(BookingEvent), *get_args(PaymentEvent)}
    versions = Counter((event.type, event.schema_version) for event in STORED)
    assert {kind.__name__ for kind in examples} == {name for name, _ in versions}
    assert set(versions.values()) == {1}
