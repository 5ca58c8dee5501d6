"""The texts that clients read: one template per kind, filled with a closed set of names."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from textwrap import fill

from eventstore.errors import DefectError
from ticketing.money import Money
from ticketing.notifications.api import Notification, NotificationKind

TEMPLATES = Path(__file__).with_name("templates")
WIDTH = 72  # characters per line, so that a reply can quote it
SUBJECT = "Subject: "

# The key is the part of a denial's reason before the colon; the seats follow the colon.
DENIALS: Mapping[str, str] = {
    "seats_unavailable": "Somebody else was faster with {seats}. Please choose other seats.",
    "unknown_seats": "The hall has no {seats}. Please check the row and number, and book again.",
    "unknown_concert": "We know of no such concert. Please check its name, and book again.",
    "sales_closed": "The tickets for this concert are not on sale.",
    "reservation_was_released": "The reservation was given back too early. Please book again.",
    "reservation_timed_out": "The reservation took too long. Please book again.",
}
# The key is a `RefundReason`.
REFUNDS: Mapping[str, str] = {
    "booking_expired": "It arrived when the booking had expired. If you still want to come, please "
    "book again.",
    "booking_cancelled": "The booking had been cancelled, so you owe us nothing.",
    "booking_denied": "We could not confirm the booking, so you owe us nothing.",
    "already_settled": "It was not needed, as nothing was left to pay. The booking is still yours, "
    "and so are the tickets for {seats}.",
    "amount_mismatch": "It is not what the booking costs. If the booking has not ended, please pay "
    "the exact amount.",
    "unknown_booking": "We have no booking of this number. Please check the number.",
}


@dataclass(frozen=True, slots=True)
class Text:
    """A message: its subject is one line, and the lines of its body are short."""

    subject: str
    body: str


def text_of(notification: Notification) -> Text:
    """Return the message in plain English.

    Raises:
        DefectError: the notification lacks a value that its text needs.
    """
    names = _names(notification)
    subject, *paragraphs = template(notification.kind).split("\n\n")
    try:
        return Text(
            subject=subject.removeprefix(SUBJECT).format_map(names),
            body="\n\n".join(_wrapped(paragraph.format_map(names)) for paragraph in paragraphs)
            + "\n",
        )
    except KeyError as missing:
        raise DefectError(
            f"{notification.kind} of {notification.about} cannot say its {missing}"
        ) from missing


@cache
def template(kind: NotificationKind) -> str:
    """Return the template of a kind: one line for the subject, then paragraphs."""
    return (TEMPLATES / f"{kind}.txt").read_text(encoding="utf-8").rstrip()


def _names(notification: Notification) -> dict[str, str]:
    """Return the values that a text may use; a value that the notification lacks is left out."""
    names = {
        "booking_id": notification.booking_id,
        "client_id": notification.client_id,
        "payment_id": notification.about,
        "in_time": _in_time(notification.expires_at),
    }
    if notification.seats:
        names["seats"] = _seats([str(seat) for seat in notification.seats])
    if notification.total:
        names["total"] = str(notification.total)
        names["to_pay"] = _to_pay(notification.total, notification.expires_at)
        names["paid"] = _paid(notification.total)
    if notification.reason:
        names["reason"] = notification.reason
        names["denial"] = _denial(notification.reason)
        if notification.reason in REFUNDS:
            names["refund"] = REFUNDS[notification.reason].format_map(names)
    return names


def _seats(seats: list[str]) -> str:
    *others, last = seats
    return f"seats {', '.join(others)} and {last}" if others else f"seat {last}"


def _in_time(expires_at: datetime | None) -> str:
    return f"before {_instant(expires_at)}" if expires_at else "in time"


def _to_pay(total: Money, expires_at: datetime | None) -> str:
    if not total.amount_minor:
        return "There is nothing to pay."
    if expires_at is None:
        return f"Please pay {total}. There is no deadline."
    return (
        f"Please pay {total} before {_instant(expires_at)}. Without a payment the booking expires "
        "then, and others can book in your place."
    )


def _paid(total: Money) -> str:
    if not total.amount_minor:
        return "There is nothing to pay."
    return f"Thank you for your payment of {total}."


def _denial(reason: str) -> str:
    code, _, seats = reason.partition(": ")
    if code not in DENIALS:
        return f"The reason is: {reason}"
    return DENIALS[code].format(seats=_seats(seats.split(", ")))


def _instant(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _wrapped(paragraph: str) -> str:
    """Wrap the text; words of others, such as a reason, cannot begin a line of their own."""
    words = " ".join(paragraph.split())
    return fill(words, WIDTH, break_long_words=False, break_on_hyphens=False)
