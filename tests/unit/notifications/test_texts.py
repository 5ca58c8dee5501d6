"""What clients read, word for word."""

from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

from eventstore.errors import DefectError
from tests.support.controls import (
    FREE,
    NEXT_SEAT,
    NOTIFICATION,
    OTHER_SEAT,
    PAYMENT_ID,
    SEAT,
)
from ticketing.notifications import texts
from ticketing.notifications.api import Notification, NotificationKind
from ticketing.notifications.texts import DENIALS, REFUNDS, TEMPLATES, template, text_of
from ticketing.payment.events import RefundReason
from ticketing.reservations import api

KINDS: tuple[NotificationKind, ...] = get_args(NotificationKind)
REFUSALS: tuple[api.Refusal, ...] = (
    api.SeatsUnavailable(seats=(NEXT_SEAT,)),
    api.UnknownSeats(seats=(SEAT, NEXT_SEAT, OTHER_SEAT)),
    api.UnknownConcert(),
    api.SalesClosed(),
    api.ReservationWasReleased(),
)


def told(kind: NotificationKind, **changes: object) -> Notification:
    return NOTIFICATION.model_copy(update={"kind": kind, **changes})


EXAMPLES: dict[NotificationKind, Notification] = {
    "confirmed": NOTIFICATION,
    "denied": told("denied", total=None, expires_at=None, reason="seats_unavailable: 3-15"),
    "payment_reminder": told("payment_reminder"),
    "settled": told("settled", expires_at=None),
    "expired": told("expired"),
    "cancelled": told("cancelled", total=None, reason="Ada is ill"),
    "refunded": told("refunded", about=PAYMENT_ID, expires_at=None, reason="booking_expired"),
}

GOLDEN = Path(__file__).with_name("golden")  # what clients read, word for word


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_reads(kind: NotificationKind) -> None:
    text = text_of(EXAMPLES[kind])
    assert f"{text.subject}\n\n{text.body}" == (GOLDEN / f"{kind}.txt").read_text()


def test_there_is_a_template_for_each_kind_and_for_nothing_else() -> None:
    assert {file.name for file in TEMPLATES.iterdir()} == {f"{kind}.txt" for kind in KINDS}
    assert all(template(kind).startswith("Subject: ") for kind in KINDS)


def test_every_name_is_used_by_a_template() -> None:
    used = {name for kind in KINDS for _, name, _, _ in Formatter().parse(template(kind)) if name}
    known = told("cancelled", reason="booking_expired")
    assert used == set(texts._names(known))


@pytest.mark.parametrize("line", ["{seat_row}", "{reason}"])
def test_a_template_with_an_unknown_or_a_missing_name_is_a_defect(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "confirmed.txt").write_text(f"Subject: broken\n\n{line}\n")
    monkeypatch.setattr(texts, "TEMPLATES", tmp_path)
    monkeypatch.setattr(texts, "template", template.__wrapped__)  # what others read stays cached
    with pytest.raises(DefectError, match=rf"confirmed of ada-1 cannot say its '{line[1:-1]}'"):
        text_of(NOTIFICATION)


def test_a_free_booking_asks_for_nothing() -> None:
    assert "There is nothing to pay. The tickets for" in text_of(told("settled", total=FREE)).body
    assert "There is nothing to pay." in text_of(told("confirmed", total=FREE)).body


def test_a_booking_without_a_deadline_mentions_none() -> None:
    confirmed = text_of(told("confirmed", expires_at=None)).body
    assert "Please pay 30.00 EUR. There is no deadline." in confirmed
    expired = text_of(told("expired", expires_at=None)).body
    assert "no payment for seats 3-14 and 3-15 in time." in expired
    assert "UTC" not in confirmed + expired


def test_every_reason_of_a_denial_is_a_sentence() -> None:
    reasons = [*(api.denial_reason(refusal) for refusal in REFUSALS), "reservation_timed_out"]
    assert {reason.partition(":")[0] for reason in reasons} == DENIALS.keys()
    for reason in reasons:
        body = text_of(told("denied", reason=reason)).body
        assert "_" not in body, body
        assert "{" not in body, body
    assert "The hall has no seats 3-14, 3-15 and 4-1." in body_of_denial(reasons[1])


def test_any_other_reason_of_a_denial_is_told_as_it_is() -> None:
    assert "The reason is: the hall burnt down" in body_of_denial("the hall burnt down")


def test_every_reason_of_a_refund_is_a_sentence() -> None:
    assert set(REFUNDS) == set(get_args(RefundReason))
    for reason in REFUNDS:
        assert "{" not in text_of(told("refunded", about=PAYMENT_ID, reason=reason)).body


def test_the_booking_of_a_payment_that_was_not_needed_is_still_the_clients() -> None:
    refunded = told("refunded", about=PAYMENT_ID, reason="already_settled", seats=(SEAT,))
    one_line = " ".join(text_of(refunded).body.split())
    assert "payment bank-7 of 30.00 EUR. It was not needed" in one_line
    assert "The booking is still yours, and so are the tickets for seat 3-14." in one_line


def test_a_reason_cannot_pose_as_another_line_nor_as_a_template() -> None:
    reason = "ill\r\n\r\nYou won a prize:\u2028{client_id}\x0b!"
    body = text_of(told("cancelled", reason=reason)).body
    assert "\n\nill You won a prize: {client_id} !\n\n" in body


def body_of_denial(reason: str) -> str:
    return " ".join(text_of(told("denied", reason=reason)).body.split())
