from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Protocol

import pytest
import pytest_asyncio
from aiohttp import ClientSession

from entrypoints.devstack.children import claim
from tests.support.provider import Provider, running
from ticketing.ids import PaymentId
from ticketing.payment_provider.api import PaymentProvider
from ticketing.payment_provider.memory import MemoryProvider
from ticketing.payment_provider.sandbox import SandboxProvider


class Refuse(Protocol):
    """Makes the payer's bank say no."""

    async def __call__(self, payment_id: PaymentId) -> None: ...


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def process(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Provider]:
    """One for all tests here: they use payment ids of their own."""
    directory = tmp_path_factory.mktemp("provider")
    async with claim(directory) as home, running(directory / "ledger", home) as provider:
        yield provider


@pytest.fixture
def memory() -> tuple[PaymentProvider, Refuse]:
    provider = MemoryProvider(lambda: datetime.now(UTC))

    async def refuse(payment_id: PaymentId) -> None:
        provider.refuse(payment_id)

    return provider, refuse


@pytest.fixture
async def sandbox(process: Provider) -> AsyncIterator[tuple[PaymentProvider, Refuse]]:
    async def refuse(payment_id: PaymentId) -> None:
        await process.plan({"operation": "capture", "payment_id": payment_id, "fault": "refuse"})

    async with ClientSession() as session:
        yield SandboxProvider(process.url, session), refuse


@pytest.fixture(params=["memory", "sandbox"])
def payments(request: pytest.FixtureRequest) -> tuple[PaymentProvider, Refuse]:
    payments: tuple[PaymentProvider, Refuse] = request.getfixturevalue(request.param)
    return payments


@pytest.fixture
def provider(payments: tuple[PaymentProvider, Refuse]) -> PaymentProvider:
    return payments[0]


@pytest.fixture
def refuse(payments: tuple[PaymentProvider, Refuse]) -> Refuse:
    return payments[1]
