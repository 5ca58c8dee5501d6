"""What we read of a notice."""

import json

import pytest
from pydantic import ValidationError

from ticketing.payment_provider.notices import parse_notice
from ticketing.payment_provider.signature import VerifiedBody

PAYMENT: dict[str, object] = {
    "payment_id": "p1",
    "booking_id": "b1",
    "payer": "ann",
    "amount": {"amount_minor": 1500, "currency": "EUR"},
    "provider": "sandbox",
    "provider_ref": "s-1",
    "captured_at": "2030-05-04T12:00:00Z",
}
NOTICE: dict[str, object] = {
    "notice_id": "n1",
    "type": "payment.captured",
    "created_at": "2030-05-04T12:00:01Z",
    "payment": PAYMENT,
}


def test_fields_that_a_provider_adds_change_nothing() -> None:
    more = NOTICE | {"live": True, "payment": PAYMENT | {"fee": 35}}
    assert parse_notice(_body(more)) == parse_notice(_body(NOTICE))


@pytest.mark.parametrize("field", NOTICE)
def test_fields_that_are_missing_are_errors(field: str) -> None:
    without = {name: value for name, value in NOTICE.items() if name != field}
    with pytest.raises(ValidationError, match=field):
        parse_notice(_body(without))


def _body(notice: dict[str, object]) -> VerifiedBody:
    return VerifiedBody(json.dumps(notice).encode())
