"""Whatever the provider does to our requests, its own ledger shows each effect once."""

import asyncio
from collections import Counter
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from aiohttp import ClientSession

from entrypoints.devstack.children import claim
from eventstore.errors import TransientError
from tests.support.builders import capture_request
from tests.support.provider import Provider, running
from tests.support.waiting import insist
from ticketing.ids import PaymentId
from ticketing.payment_provider.api import CaptureRefused, ProviderPayment
from ticketing.payment_provider.sandbox import SandboxProvider

RUNS = 100
AT_ONCE = 10
KINDS = ("timeout_before_effect", "timeout_after_effect", "refuse", "slow")
WEIGHTS = (3, 3, 1, 3)
IMPATIENT = timedelta(milliseconds=150)
SLOW_SECONDS = (0.0, 0.3)  # in time, and long after the client has given up


def faults_of(payment_id: str, dice: Random) -> list[dict[str, Any]]:
    """Up to three troubles for the capture, and for the refund."""
    return [
        {"operation": operation, "payment_id": payment_id, "fault": kind}
        | ({"seconds": dice.uniform(*SLOW_SECONDS)} if kind == "slow" else {})
        for operation in ("capture", "refund")
        for kind in dice.choices(KINDS, WEIGHTS, k=dice.randint(0, 3))
    ]


async def pay_and_refund(client: SandboxProvider, payment_id: PaymentId, twins: int) -> bool:
    """Several callers at a time ask for the same, each until there is an answer."""
    request = capture_request("b1", payment_id)
    capture, refund = partial(client.capture, request), partial(client.refund, payment_id)
    answers = await asyncio.gather(*(insist(capture, TransientError) for _ in range(twins)))
    assert len(set(answers)) == 1
    if isinstance(answers[0], CaptureRefused):
        return False
    assert isinstance(answers[0], ProviderPayment)
    refs = await asyncio.gather(*(insist(refund, TransientError) for _ in range(twins)))
    assert len(set(refs)) == 1
    return True


def wrong_effects(rows: list[dict[str, Any]], captured: dict[PaymentId, bool]) -> Counter[Any]:
    """What happened more often, or less, than it should have."""
    found = Counter((row["kind"], row["payment_id"]) for row in rows)
    due = Counter(
        (kind, payment_id)
        for payment_id, was_captured in captured.items()
        for kind in ("capture", "refund")
        if was_captured
    )
    return (found - due) + (due - found)


async def pay_and_refund_all(
    provider: Provider, twins: dict[PaymentId, int]
) -> dict[PaymentId, bool]:
    free, captured = asyncio.Semaphore(AT_ONCE), dict[PaymentId, bool]()
    async with ClientSession() as session, asyncio.TaskGroup() as runs:
        client = SandboxProvider(provider.url, session, IMPATIENT)

        async def run(payment_id: PaymentId) -> None:
            async with free:
                captured[payment_id] = await pay_and_refund(client, payment_id, twins[payment_id])

        for payment_id in twins:
            runs.create_task(run(payment_id))
    return captured


async def test_no_trouble_ever_leads_to_a_second_effect(tmp_path: Path) -> None:
    seed = Random().getrandbits(32)
    print(f"seed {seed}")
    dice = Random(seed)
    twins = {PaymentId(f"payment-{number}"): dice.randint(1, 2) for number in range(RUNS)}
    plan = [fault for payment_id in twins for fault in faults_of(payment_id, dice)]
    async with claim(tmp_path) as home:
        async with running(tmp_path / "ledger", home) as provider:
            await provider.plan(*plan)
            captured = await pay_and_refund_all(provider, twins)
        # Before it stopped, it finished the slow requests that nobody waited for any more.
        async with running(tmp_path / "ledger", home) as provider:
            assert wrong_effects(await provider.rows("effects"), captured) == Counter()
            unmet = await provider.rows("faults")
    # Against an empty success: money moved, some was refused, and every kind of trouble was met.
    assert RUNS / 2 < sum(captured.values()) < RUNS
    met = Counter(fault["fault"] for fault in plan)
    met.subtract(fault["fault"] for fault in unmet)
    assert min(met[kind] for kind in KINDS) > 5
