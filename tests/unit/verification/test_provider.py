"""What the provider's ledger and ours may tell differently."""

from datetime import UTC, datetime

import pytest

from ticketing.ids import BookingId, PaymentId
from ticketing.money import Money
from ticketing.payment_provider.api import Ledger, ProviderPayment
from ticketing.verification.api import OurPayment
from ticketing.verification.provider import reconcile

EUR_5 = Money(amount_minor=500, currency="EUR")
EUR_4 = Money(amount_minor=400, currency="EUR")
OURS = OurPayment(
    payment_id=PaymentId("p1"),
    booking_id=BookingId("b1"),
    amount=EUR_5,
    applied=True,
    refunded=False,
)
THEIRS = ProviderPayment(
    payment_id=PaymentId("p1"),
    booking_id=BookingId("b1"),
    payer="ann",
    amount=EUR_5,
    provider="bank",
    provider_ref="capture 1",
    captured_at=datetime(2031, 5, 1, tzinfo=UTC),
)
REFUNDED = THEIRS.model_copy(update={"refund_ref": "refund 1"})


def ledger(*payments: ProviderPayment) -> Ledger:
    return Ledger(payments=payments)


def test_two_equal_ledgers_have_no_findings() -> None:
    assert reconcile([], ledger()) == ()
    assert reconcile([OURS], ledger(THEIRS)) == ()
    assert reconcile([OURS.model_copy(update={"refunded": True})], ledger(REFUNDED)) == ()


def test_money_that_came_and_went_without_us_is_owed_to_nobody() -> None:
    assert reconcile([], ledger(REFUNDED)) == ()


@pytest.mark.parametrize(
    ("ours", "theirs", "what"),
    [
        ([OURS], [], "received here, and unknown to the provider"),
        ([], [THEIRS], "5.00 EUR captured, and not received here"),
        ([OURS], [THEIRS, THEIRS], "captured 2 times"),
        (
            [OURS],
            [THEIRS.model_copy(update={"amount": EUR_4})],
            "5.00 EUR for b1 here, 4.00 EUR for b1 there",
        ),
        (
            [OURS.model_copy(update={"refunded": True})],
            [THEIRS],
            "refunded here, and not by the provider",
        ),
        ([OURS], [REFUNDED], "returned by the provider (refund 1), and not refunded here"),
    ],
)
def test_a_payment_told_differently_is_named(
    ours: list[OurPayment], theirs: list[ProviderPayment], what: str
) -> None:
    (finding,) = reconcile(ours, ledger(*theirs))
    assert (finding.check, finding.payment_ids, finding.what) == ("provider_differs", ("p1",), what)


def test_a_payment_that_cannot_be_read_hides_no_other_difference() -> None:
    unreadable = Ledger(payments=(THEIRS,), unreadable=("'p2': payer: it has a NUL",))
    differs, not_read = reconcile([], unreadable)
    assert differs.what == "5.00 EUR captured, and not received here"
    assert str(not_read) == "provider_unreadable: 'p2': payer: it has a NUL"
