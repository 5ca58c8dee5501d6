"""Money that arrived is applied or goes back; what its booking answers decides."""

from datetime import timedelta
from uuid import uuid4

import pytest

from tests.support.controls import (
    BOOKING_ID,
    CANCEL,
    DENY,
    EXPIRE,
    OTHER_PAYMENT_ID,
    PAY,
    PAYMENT_ID,
    PRICE,
    TOTAL,
)
from tests.unit.choreography.office import BENS, CONFIRMATION_TIMEOUT, Office
from ticketing.booking.commands import BookingCommand
from ticketing.errors import DefectError
from ticketing.payment.commands import RequestRefund
from ticketing.payment.events import RefundReason
from ticketing.policies import UNKNOWN_BOOKING_PATIENCE

A_MOMENT = timedelta(milliseconds=1)


async def refused(office: Office, reason: RefundReason) -> bool:
    payment = await office.payment()
    return (payment.status, payment.refund_reason) == ("refund_requested", reason)


async def test_money_pays_for_its_confirmed_booking(office: Office) -> None:
    await office.confirmed()
    await office.receive()
    for _ in ("delivered", "delivered again"):
        await office.use()
        assert (await office.payment()).status == "applied"
        booking = await office.booking()
        assert (booking.status, booking.payment_id) == ("settled", PAYMENT_ID)


async def test_money_that_overtook_the_confirmation_waits_for_it(office: Office) -> None:
    placed = await office.place()
    await office.receive()
    await office.use(waited=CONFIRMATION_TIMEOUT - A_MOMENT)
    assert (await office.payment()).status == "received"
    await office.confirm(placed)
    await office.use(waited=CONFIRMATION_TIMEOUT)
    assert (await office.payment()).status == "applied"


async def test_when_the_patience_is_over_the_booking_can_no_longer_be_confirmed(
    office: Office,
) -> None:
    placed = await office.place()
    await office.receive()
    await office.use(waited=CONFIRMATION_TIMEOUT)
    assert await refused(office, "booking_denied")
    await office.confirm(placed)
    assert (await office.booking()).reason == "reservation_timed_out"
    assert await office.holders() == set()


async def test_money_that_is_earlier_than_its_booking_waits_for_it(office: Office) -> None:
    await office.receive()
    await office.use(waited=UNKNOWN_BOOKING_PATIENCE - A_MOMENT)
    assert (await office.payment()).status == "received"
    await office.confirmed()
    await office.use(waited=UNKNOWN_BOOKING_PATIENCE)
    assert (await office.payment()).status == "applied"


async def test_money_for_an_unknown_booking_goes_back_and_never_pays_for_it(
    office: Office,
) -> None:
    await office.receive()
    await office.use(waited=UNKNOWN_BOOKING_PATIENCE)
    assert await refused(office, "unknown_booking")
    await office.confirmed()
    await office.use()  # its event comes again, perhaps from the dead letters
    assert (await office.booking()).status == "confirmed"


@pytest.mark.parametrize(
    ("end", "reason"), [(CANCEL, "booking_cancelled"), (DENY, "booking_denied")]
)
async def test_money_for_a_booking_that_ended_goes_back_fault_4(
    office: Office, end: BookingCommand, reason: RefundReason
) -> None:
    await office.place()
    await office.ask(end)
    await office.receive()
    await office.use()
    assert await refused(office, reason)


async def test_money_for_a_settled_booking_goes_back_fault_4(office: Office) -> None:
    await office.confirmed()
    await office.ask(PAY.model_copy(update={"payment_id": OTHER_PAYMENT_ID}))
    await office.receive()
    await office.use()
    assert await refused(office, "already_settled")
    assert (await office.booking()).payment_id == OTHER_PAYMENT_ID


async def test_money_of_the_wrong_amount_goes_back_and_the_booking_stays_payable_fault_4(
    office: Office,
) -> None:
    await office.confirmed()
    await office.receive(amount=PRICE)
    await office.use()
    assert await refused(office, "amount_mismatch")
    assert (await office.booking()).status == "confirmed"
    assert await office.holders() == {BOOKING_ID}


async def test_late_money_gets_the_seats_back_if_they_are_free(office: Office) -> None:
    await office.expired()
    await office.receive()
    await office.use()
    booking = await office.booking()
    assert (booking.status, booking.reinstated) == ("settled", True)
    assert await office.holders() == {BOOKING_ID}


async def test_late_money_is_faster_than_the_release_of_the_seats(office: Office) -> None:
    await office.confirmed()
    office.now += timedelta(days=1)
    await office.ask(EXPIRE)
    await office.receive()
    await office.use()
    assert (await office.booking()).status == "settled"
    assert await office.holders() == {BOOKING_ID}


async def test_late_money_goes_back_if_that_is_the_policy(office: Office) -> None:
    await office.expired()
    await office.receive()
    await office.use(late_payment="refund")
    assert await refused(office, "booking_expired")
    assert await office.holders() == set()


async def test_late_money_whose_seat_is_taken_goes_back_and_takes_none(office: Office) -> None:
    await office.expired()
    await office.confirmed(booking_id=BENS)
    await office.receive()
    await office.use()
    assert await refused(office, "booking_expired")
    assert await office.holders() == {BENS}


async def test_of_two_late_payments_the_first_settles_and_the_second_goes_back(
    office: Office,
) -> None:
    await office.expired()
    for payment_id in (OTHER_PAYMENT_ID, PAYMENT_ID):
        await office.receive(payment_id)
        await office.use(payment_id)
    assert (await office.payment(OTHER_PAYMENT_ID)).status == "applied"
    assert await refused(office, "already_settled")
    assert await office.holders() == {BOOKING_ID}


async def test_late_money_of_the_wrong_amount_frees_its_own_seats_and_no_others(
    office: Office,
) -> None:
    await office.expired()
    await office.receive(OTHER_PAYMENT_ID, amount=PRICE)
    await office.use(OTHER_PAYMENT_ID)
    assert (await office.payment(OTHER_PAYMENT_ID)).refund_reason == "amount_mismatch"
    assert await office.holders() == set()

    await office.receive(amount=TOTAL)
    await office.use()
    await office.use(OTHER_PAYMENT_ID)  # again, now that the seats are held by the right money
    assert (await office.booking()).payment_id == PAYMENT_ID
    assert await office.holders() == {BOOKING_ID}


async def test_a_second_reason_for_the_refund_of_the_same_money_is_no_defect(
    office: Office,
) -> None:
    await office.expired()
    await office.receive(amount=PRICE)
    # A sweep uses the money at the same time, and is a little faster.
    office.life.at(3, before=lambda: office.use(late_payment="refund"))
    await office.use()
    assert office.life.has_passed()
    assert await refused(office, "booking_expired")


async def test_money_that_has_paid_and_was_asked_to_go_back_is_a_defect(office: Office) -> None:
    await office.confirmed()
    await office.receive()

    async def give_back() -> None:
        refund = RequestRefund(payment_id=PAYMENT_ID, reason="already_settled")
        await office.payments.execute(refund, command_id=uuid4(), metadata={})

    office.life.at(1, before=give_back)
    with pytest.raises(DefectError, match="apply was answered"):
        await office.use()
