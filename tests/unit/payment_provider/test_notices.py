"""What a notice asks of the payment: only a capture asks anything."""

import json

import pytest
from pydantic import ValidationError

from tests.support.controls import RECEIVE, REPORT
from ticketing.payment_provider.api import ProviderPayment
from ticketing.payment_provider.notices import Notice, NoticeId, parse_notice
from ticketing.payment_provider.signature import VerifiedBody

CAPTURED = Notice(
    notice_id=NoticeId("n1"),
    type="payment.captured",
    created_at=RECEIVE.captured_at,
    payment=ProviderPayment.model_validate(RECEIVE.model_dump()),
)


def test_a_capture_reports_a_payment_and_nothing_of_its_content_but_the_booking() -> None:
    assert CAPTURED.command() == REPORT


@pytest.mark.parametrize("type", ["payment.refunded", "payment.charged_back", "payment.disputed"])
def test_any_other_notice_asks_nothing(type: str) -> None:
    assert CAPTURED.model_copy(update={"type": type}).command() is None


def test_a_notice_is_what_is_on_the_wire() -> None:
    assert parse_notice(VerifiedBody(CAPTURED.model_dump_json().encode())) == CAPTURED


@pytest.mark.parametrize("amount", ["true", '"3000"', "3e3", "3000.0"])
def test_an_amount_is_a_number_as_providers_write_it(amount: str) -> None:
    sent = CAPTURED.model_dump_json()
    whole = f'"amount_minor":{CAPTURED.payment.amount.amount_minor}'
    assert whole in sent
    with pytest.raises(ValidationError, match="amount_minor"):
        parse_notice(VerifiedBody(sent.replace(whole, f'"amount_minor":{amount}').encode()))


@pytest.mark.parametrize("key", ["notice_id", "payment_id", "amount_minor"])
def test_a_key_that_occurs_twice_is_an_error(key: str) -> None:
    """Shows that no other reader of the signed bytes can see another amount."""
    twice = CAPTURED.model_dump_json().replace(f'"{key}":', f'"{key}":1,"{key}":', 1)
    with pytest.raises(ValidationError, match="Each key may occur once"):
        parse_notice(VerifiedBody(twice.encode()))


@pytest.mark.parametrize("field", Notice.model_fields)
def test_a_field_that_is_missing_is_an_error(field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        parse_notice(VerifiedBody(CAPTURED.model_dump_json(exclude={field}).encode()))


def test_fields_that_a_provider_adds_change_nothing() -> None:
    sent = CAPTURED.model_dump(mode="json")
    more = sent | {"live": True, "payment": sent["payment"] | {"fee": 35}}
    assert parse_notice(VerifiedBody(json.dumps(more).encode())) == CAPTURED
