"""The promises of `PaymentProvider`, by every implementation."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from tests.support.controls import BOOKING_ID, TOTAL, euros
from ticketing.ids import BookingId, PaymentId
from ticketing.money import Money
from ticketing.payment_provider.api import (
    CaptureRefused,
    CaptureRequest,
    PaymentProvider,
    ProviderError,
    ProviderPayment,
)

PAGES = 120  # payments: more than the sandbox lists at once
Refuse = Callable[[PaymentId], Awaitable[None]]


def new_request(amount: Money = TOTAL) -> CaptureRequest:
    return CaptureRequest(
        payment_id=PaymentId(uuid4().hex),
        booking_id=BOOKING_ID,
        payer="Ada Løvelace",
        amount=amount,
    )


async def captured(provider: PaymentProvider) -> ProviderPayment:
    payment = await provider.capture(new_request())
    assert isinstance(payment, ProviderPayment)
    return payment


async def known(provider: PaymentProvider, *payment_ids: PaymentId) -> list[ProviderPayment]:
    return [one for one in (await provider.ledger()).payments if one.payment_id in payment_ids]


async def test_a_captured_payment_is_what_was_asked_for(provider: PaymentProvider) -> None:
    request, before = new_request(), datetime.now(UTC)
    payment = await provider.capture(request)
    assert isinstance(payment, ProviderPayment)
    assert request == CaptureRequest.model_validate(
        payment.model_dump(include=set(CaptureRequest.model_fields))
    )
    assert payment.refund_ref is None
    assert before <= payment.captured_at <= datetime.now(UTC)
    assert await provider.look_up(request.payment_id) == payment


async def test_a_capture_of_nothing_is_a_capture(provider: PaymentProvider) -> None:
    payment = await provider.capture(new_request(euros(0)))
    assert isinstance(payment, ProviderPayment)


async def test_a_repeated_capture_gets_the_first_answer(provider: PaymentProvider) -> None:
    request = new_request()
    first = await provider.capture(request)
    assert await provider.capture(request) == first
    assert await known(provider, request.payment_id) == [first]


async def test_captures_at_the_same_time_take_the_money_once(provider: PaymentProvider) -> None:
    request = new_request()
    answers = await asyncio.gather(*(provider.capture(request) for _ in range(8)))
    assert len(set(answers)) == 1
    assert await known(provider, request.payment_id) == [answers[0]]


@pytest.mark.parametrize(
    "change",
    [{"amount": euros(1)}, {"payer": "Ben"}, {"booking_id": BookingId("other")}],
    ids=["amount", "payer", "booking"],
)
async def test_a_payment_id_cannot_be_used_for_another_request(
    provider: PaymentProvider, change: dict[str, object]
) -> None:
    request = new_request()
    first = await provider.capture(request)
    with pytest.raises(ProviderError):
        await provider.capture(request.model_copy(update=change))
    assert await known(provider, request.payment_id) == [first]


async def test_a_refused_capture_stays_refused(provider: PaymentProvider, refuse: Refuse) -> None:
    request = new_request()
    await refuse(request.payment_id)
    first = await provider.capture(request)
    assert isinstance(first, CaptureRefused)
    assert await provider.capture(request) == first
    assert await provider.look_up(request.payment_id) is None
    assert await known(provider, request.payment_id) == []


async def test_a_captured_payment_is_not_refused(provider: PaymentProvider, refuse: Refuse) -> None:
    request = new_request()
    first = await provider.capture(request)
    await refuse(request.payment_id)
    assert await provider.capture(request) == first


async def test_a_refund_is_made_once(provider: PaymentProvider) -> None:
    payment = await captured(provider)
    ref = await provider.refund(payment.payment_id)
    assert await provider.refund(payment.payment_id) == ref
    refunded = payment.model_copy(update={"refund_ref": ref})
    assert await provider.look_up(payment.payment_id) == refunded
    assert await known(provider, payment.payment_id) == [refunded]


async def test_refunds_at_the_same_time_are_one(provider: PaymentProvider) -> None:
    payment = await captured(provider)
    refs = await asyncio.gather(*(provider.refund(payment.payment_id) for _ in range(8)))
    assert len(set(refs)) == 1


async def test_each_refund_has_a_reference_of_its_own(provider: PaymentProvider) -> None:
    one, other = await captured(provider), await captured(provider)
    assert one.provider_ref != other.provider_ref
    assert await provider.refund(one.payment_id) != await provider.refund(other.payment_id)


async def test_a_capture_after_its_refund_takes_nothing_again(provider: PaymentProvider) -> None:
    request = new_request()
    first = await provider.capture(request)
    ref = await provider.refund(request.payment_id)
    assert await provider.capture(request) == first
    (payment,) = await known(provider, request.payment_id)
    assert payment.refund_ref == ref


async def test_what_was_never_captured_cannot_be_refunded(provider: PaymentProvider) -> None:
    with pytest.raises(ProviderError):
        await provider.refund(new_request().payment_id)


async def test_an_unknown_payment_is_not_there(provider: PaymentProvider) -> None:
    assert await provider.look_up(new_request().payment_id) is None


async def test_the_ledger_lists_payments_in_order_of_capture(provider: PaymentProvider) -> None:
    payments = [await captured(provider) for _ in range(PAGES)]
    assert await known(provider, *(one.payment_id for one in payments)) == payments
