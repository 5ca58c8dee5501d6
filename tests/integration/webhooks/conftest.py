import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import PostgresDsn, SecretStr

from entrypoints.settings import Settings
from entrypoints.webhooks.app import app
from entrypoints.wiring import BoxOffice, box_office
from tests.integration.webhooks.provider import OLD_SECRET, SECRET, Door, serving


@pytest.fixture
def settings(database: str) -> Settings:
    return Settings(
        database_url=PostgresDsn(database),
        webhook_secrets=(SecretStr(SECRET), SecretStr(OLD_SECRET)),
    )


@pytest.fixture
async def parts(settings: Settings) -> AsyncIterator[BoxOffice]:
    async with box_office(settings) as parts:
        yield parts


@pytest.fixture
async def door(settings: Settings, parts: BoxOffice) -> AsyncIterator[Door]:
    """The receiver as it is in production."""
    async with serving(app(settings, parts, asyncio.Event())) as door:
        yield door
