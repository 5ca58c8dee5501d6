"""Two things at the same instant, many times: the order of one stream decides, never a clock."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from tests.scenarios.conftest import Twin
from tests.support.builders import HOLD, SHORT, place
from tests.support.waiting import insist
from ticketing.process import NoAnswerError, PaymentOutcome

ROUNDS = {"reinstate": 200, "refund": 50}  # the policy changes what follows, not the race
AT_ONCE = 20  # at most: a slower machine decides fewer bookings before their deadline
PAIRS_AT_ONCE = 10  # few enough for each client's patience on a slow machine
SEED = 20_300_504
JITTER_SECONDS = (-0.3, 0.4)  # around the deadline; expiry is up to a sweep late


def seat(number: int) -> str:
    return f"{number // 10 + 1}-{number % 10 + 1}"


async def pay_around_the_deadline(twin: Twin, number: int, jitter: float) -> PaymentOutcome:
    request = place(f"b{number}", seat(number), concert=SHORT)
    decision = await insist(lambda: twin.process.place(request), NoAnswerError)
    assert decision.expires_at is not None
    pause = decision.expires_at + timedelta(seconds=jitter) - datetime.now(UTC)
    await asyncio.sleep(max(0, pause.total_seconds()))
    return await insist(lambda: twin.pay(f"b{number}", f"p{number}"), NoAnswerError)


@pytest.mark.timeout(900)  # a loaded machine settles one of these 200 bookings a second
@pytest.mark.parametrize(
    "policy",
    [
        pytest.param("refund", marks=pytest.mark.settings(late_payment="refund")),
        pytest.param("reinstate", marks=pytest.mark.settings(late_payment="reinstate")),
    ],
)
async def test_h1_payment_and_expiry_at_one_instant_have_one_end(
    twin: Twin, policy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    jitter = random.Random(SEED)
    late = "reinstated" if policy == "reinstate" else "expired"
    ends: Counter[str] = Counter()
    first, at_once = 0, AT_ONCE
    while first < ROUNDS[policy] or set(ends) != {"settled", late}:
        numbers = range(first, first + at_once)
        first = numbers.stop
        outcomes = await asyncio.gather(
            *(pay_around_the_deadline(twin, n, jitter.uniform(*JITTER_SECONDS)) for n in numbers)
        )
        for number, outcome in zip(numbers, outcomes, strict=True):
            applied = outcome.status == "applied"
            status = (await twin.booking(f"b{number}")).status
            assert status == ("settled" if applied else "expired")
            refunds = await twin.provider.effects("refund", f"p{number}")
            assert refunds == (0 if applied else 1)
            ends["reinstated" if outcome.reinstated else status] += 1
        if all(outcome.status == "refunded" or outcome.reinstated for outcome in outcomes):
            at_once = max(1, at_once // 2)  # no decision came before its deadline
    with capsys.disabled():
        print(f"\n{twin.name}, {policy}, seed {SEED}: {dict(ends)}")
    assert await twin.all_quiet() == ()


@pytest.mark.timeout(300)
async def test_h5_of_two_late_payments_for_freed_seats_one_gets_them(twin: Twin) -> None:
    for first in range(0, 30, PAIRS_AT_ONCE):
        rounds = range(first, first + PAIRS_AT_ONCE)
        for who in ("b", "c"):
            placing = (twin.process.place(place(f"{who}{n}", seat(n))) for n in rounds)
            await asyncio.gather(*placing)
            await twin.pass_time(HOLD + timedelta(minutes=1))
            for n in rounds:
                await twin.until_booking(f"{who}{n}", "expired", holding=0)
        paying = (
            asyncio.gather(twin.pay(f"b{n}", f"pb{n}"), twin.pay(f"c{n}", f"pc{n}")) for n in rounds
        )
        for pair in await asyncio.gather(*paying):
            assert sorted(outcome.status for outcome in pair) == ["applied", "refunded"]
    assert await twin.all_quiet() == ()
