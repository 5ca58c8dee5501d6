"""A refund that was requested is made once, however often it is asked for."""

import pytest

from choreography.refund import make_refund
from tests.support.controls import PAYMENT_ID
from tests.unit.choreography.office import Office
from ticketing.policies import UNKNOWN_BOOKING_PATIENCE


async def test_a_refund_is_made_and_recorded_once(office: Office) -> None:
    await office.receive()
    await office.use(waited=UNKNOWN_BOOKING_PATIENCE)
    for _ in ("delivered", "delivered again"):
        await make_refund(PAYMENT_ID, office.services())
        [captured] = await office.provider.ledger()
        payment = await office.payment()
        assert (payment.status, payment.refund_ref) == ("refunded", captured.refund_ref)


async def test_a_provider_without_an_answer_leaves_the_refund_requested(office: Office) -> None:
    async def no_answer() -> None:
        raise TimeoutError

    await office.receive()
    await office.use(waited=UNKNOWN_BOOKING_PATIENCE)
    office.life.at(0, after=no_answer)
    with pytest.raises(TimeoutError):
        await make_refund(PAYMENT_ID, office.services())
    assert (await office.payment()).status == "refund_requested"
