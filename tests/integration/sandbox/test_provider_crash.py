"""A provider that is killed in the middle of its work keeps its word."""

import asyncio
from collections import Counter, deque
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from entrypoints.devstack.children import claim
from eventstore.errors import TransientError
from tests.support.builders import capture_request
from tests.support.patience import SOON_SECONDS
from tests.support.provider import Provider, running
from tests.support.receiver import listening
from ticketing.ids import PaymentId
from ticketing.payment_provider.api import ProviderPayment
from ticketing.payment_provider.sandbox import SandboxProvider

PAYMENTS = 150
KILLED_AT = (40, 80)  # acknowledged refunds
WORKERS = 6
TOLD = {"payment.captured": "capture", "payment.refunded": "refund"}
Effect = tuple[str, str, str]  # kind, payment, reference


class Load:
    """Pays and refunds; what was interrupted is asked again in the next life of the provider."""

    def __init__(self, payments: int = PAYMENTS) -> None:
        self.acknowledged: set[Effect] = set()
        self.refunds = 0
        self._to_do = deque(PaymentId(f"payment-{number}") for number in range(payments))
        self._one_more = asyncio.Condition()

    async def run(self, provider: Provider) -> None:
        """Until the work is done, or the provider is gone."""
        async with ClientSession() as session, asyncio.TaskGroup() as workers:
            client = SandboxProvider(provider.url, session)
            for _ in range(WORKERS):
                workers.create_task(self._work(client))

    async def kill(self, provider: Provider, at_refunds: int) -> None:
        async with asyncio.timeout(SOON_SECONDS), self._one_more:
            await self._one_more.wait_for(lambda: self.refunds >= at_refunds)
        provider.child.kill()
        await provider.child.wait()

    async def _work(self, client: SandboxProvider) -> None:
        while self._to_do:
            payment_id = self._to_do.popleft()
            try:
                await self._pay_and_refund(client, payment_id)
            except TransientError:
                self._to_do.append(payment_id)
                return
            async with self._one_more:
                self.refunds += 1
                self._one_more.notify_all()

    async def _pay_and_refund(self, client: SandboxProvider, payment_id: PaymentId) -> None:
        request = capture_request("b1", payment_id)
        payment = await client.capture(request)
        assert isinstance(payment, ProviderPayment)
        self.acknowledged.add(("capture", payment_id, payment.provider_ref))
        self.acknowledged.add(("refund", payment_id, await client.refund(payment_id)))


def effects(rows: list[dict[str, Any]]) -> Counter[Effect]:
    return Counter((row["kind"], row["payment_id"], row["ref"]) for row in rows)


async def test_nothing_acknowledged_is_lost_and_everything_is_told(tmp_path: Path) -> None:
    load = Load()
    async with listening() as receiver, claim(tmp_path) as home:

        def told() -> set[tuple[str, str]]:
            return {(TOLD[one["type"]], one["payment"]["payment_id"]) for one in receiver.taken}

        for at_refunds in KILLED_AT:
            async with running(tmp_path / "ledger", home, notify_url=receiver.url) as provider:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(load.run(provider))
                    tasks.create_task(load.kill(provider, at_refunds))
                assert load.refunds < PAYMENTS
        async with running(tmp_path / "ledger", home, notify_url=receiver.url) as provider:
            survived = effects(await provider.rows("effects"))
            assert load.acknowledged <= set(survived)
            await load.run(provider)
            rows = await provider.rows("effects")
            assert effects(rows) == Counter(load.acknowledged)  # each once
            assert len(rows) == 2 * PAYMENTS
            await receiver.until(lambda: len(told()) == 2 * PAYMENTS)


async def test_a_ledger_that_was_lost_would_be_noticed(tmp_path: Path) -> None:
    load = Load(payments=5)
    async with claim(tmp_path) as home:
        async with running(tmp_path / "ledger", home) as provider:
            await load.run(provider)
            assert load.acknowledged <= set(effects(await provider.rows("effects")))
        async with running(tmp_path / "another ledger", home) as provider:
            assert not load.acknowledged <= set(effects(await provider.rows("effects")))
