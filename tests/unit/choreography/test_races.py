"""What happens between two steps where no scenario can reach: repeated, overtaken, given up."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from choreography.booking_confirmation import deny_unconfirmed
from choreography.booking_expiration import expire
from choreography.client import ChoreographedBookingProcess
from choreography.notification import tell_of_refund
from eventstore.api import Metadata
from eventstore.errors import DefectError
from eventstore.memory import MemoryDoorbell
from tests.support.controls import (
    BOOKING_ID,
    EXPIRE,
    MOONLIGHT,
    PAYMENT_ID,
    PLACE,
    PRICE,
    REFUNDED,
    SEATS,
)
from tests.unit.choreography.office import CONFIRMATION_TIMEOUT, HOLD, Office
from ticketing.booking.commands import BookingCommand
from ticketing.ids import FIRST_ATTEMPT, reinstatement_attempt
from ticketing.payment.commands import RequestRefund
from ticketing.policies import UNKNOWN_BOOKING_PATIENCE
from ticketing.process import NoAnswerError

A_MOMENT = timedelta(milliseconds=1)


@pytest.fixture
def process(office: Office) -> ChoreographedBookingProcess:
    patience = timedelta(milliseconds=50)
    return ChoreographedBookingProcess(
        office.bookings, office.payments, MemoryDoorbell(), patience=patience
    )


async def test_a_cancel_that_is_too_early_finds_no_booking(
    office: Office, process: ChoreographedBookingProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute = office.bookings.execute

    async def and_place_it_then(
        command: BookingCommand, *, command_id: UUID, metadata: Metadata
    ) -> object:
        answer = await execute(command, command_id=command_id, metadata=metadata)
        monkeypatch.undo()
        await office.place()
        return answer

    monkeypatch.setattr(office.bookings, "execute", and_place_it_then)
    assert (await process.cancel(BOOKING_ID, "ill")).status == "not_found"
    assert (await process.cancel(BOOKING_ID, "ill")).status == "cancelled"


async def test_a_booking_that_nobody_decides_on_is_placed(
    office: Office, process: ChoreographedBookingProcess
) -> None:
    with pytest.raises(NoAnswerError):
        await process.place(PLACE)
    assert (await office.booking()).status == "awaiting_confirmation"
    await office.confirmed()
    assert (await process.place(PLACE)).status == "confirmed"


async def test_fault_1_each_attempt_with_its_own_key_would_lose_its_seats(office: Office) -> None:
    placed = await office.place()
    await office.reservations.reserve(BOOKING_ID, FIRST_ATTEMPT + 1, MOONLIGHT, SEATS)
    await office.confirm(placed)
    assert (await office.booking()).status == "denied"


async def test_a_confirmed_booking_is_not_given_up(office: Office) -> None:
    await office.confirmed()
    await deny_unconfirmed(BOOKING_ID, office.services())
    assert (await office.booking()).status == "confirmed"


async def test_a_booking_found_too_early_expires_in_the_next_sweep(office: Office) -> None:
    await office.confirmed()
    for status in ("confirmed", "expired"):
        await expire(BOOKING_ID, office.services())
        assert (await office.booking()).status == status
        office.now += HOLD


async def paid(office: Office) -> None:
    await office.confirmed()
    await office.receive()
    await office.use()


@pytest.mark.parametrize("end", [Office.expired, paid])
async def test_a_redelivery_long_after_changes_nothing(
    office: Office, end: Callable[[Office], Awaitable[None]]
) -> None:
    placed = await office.place()
    await end(office)
    before = await office.everything()
    await office.confirm(placed)
    assert await office.everything() == before


async def test_once_its_money_went_back_no_booking_is_confirmed(office: Office) -> None:
    placed = await office.place()
    await office.receive()
    await office.use(waited=CONFIRMATION_TIMEOUT - A_MOMENT)
    assert (await office.payment()).status == "received"
    await office.use(waited=CONFIRMATION_TIMEOUT)
    assert (await office.payment()).refund_reason == "booking_denied"
    await office.confirm(placed)
    assert (await office.booking()).reason == "reservation_timed_out"
    assert await office.holders() == set()


async def test_money_for_an_unknown_booking_never_pays_for_it(office: Office) -> None:
    await office.receive()
    await office.use(waited=UNKNOWN_BOOKING_PATIENCE - A_MOMENT)
    assert (await office.payment()).status == "received"
    await office.use(waited=UNKNOWN_BOOKING_PATIENCE)
    assert (await office.payment()).refund_reason == "unknown_booking"
    await office.confirmed()
    await office.use()  # its event comes again, perhaps from the dead letters
    assert (await office.booking()).status == "confirmed"


async def test_a_refund_without_a_booking_has_nobody_to_tell(office: Office) -> None:
    await office.receive()
    await tell_of_refund(PAYMENT_ID, REFUNDED, office.services())
    assert office.told == []


async def test_late_money_may_be_faster_than_the_release(office: Office) -> None:
    await office.confirmed()
    office.now += HOLD
    await office.ask(EXPIRE)
    await office.receive()
    await office.use()
    assert (await office.booking()).status == "settled"
    assert await office.holders() == {BOOKING_ID}


async def test_h17_late_money_of_the_wrong_amount_has_one_reason(office: Office) -> None:
    await office.expired()
    await office.receive(amount=PRICE)
    # A sweep used the money at the same time, and has released what it reserved.
    await office.reservations.release(BOOKING_ID, reinstatement_attempt(PAYMENT_ID))
    await office.use()
    assert (await office.payment()).refund_reason == "amount_mismatch"


async def test_a_second_reason_for_one_refund_is_no_defect(office: Office) -> None:
    await office.expired()
    await office.receive(amount=PRICE)
    # A sweep uses the money at the same time, and is a little faster.
    office.life.at(0, before=lambda: office.use(late_payment="refund"))
    await office.use()
    assert office.life.has_passed()
    assert (await office.payment()).refund_reason == "booking_expired"


async def test_a_refund_of_money_that_has_paid_is_a_defect(office: Office) -> None:
    await office.confirmed()
    await office.receive()

    async def give_back() -> None:
        refund = RequestRefund(payment_id=PAYMENT_ID, reason="already_settled")
        await office.payments.execute(refund, command_id=uuid4(), metadata={})

    office.life.at(1, before=give_back)
    with pytest.raises(DefectError, match="apply was answered"):
        await office.use()
