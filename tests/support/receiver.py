"""Somebody whom the provider notifies: keeps what comes, and answers as a test tells it to."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.http import answering
from tests.support.patience import SOON_SECONDS


@dataclass(frozen=True, slots=True)
class Delivery:
    signature: str
    body: bytes

    @property
    def notice(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


def _take(_: Delivery) -> int:
    return 204


@dataclass(slots=True)
class Receiver:
    """`answer` gives the status for a delivery; those it took are in `taken`, in order."""

    url: str = ""
    answer: Callable[[Delivery], int] = _take
    deliveries: list[Delivery] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, enough: Callable[[], bool]) -> None:
        async with asyncio.timeout(SOON_SECONDS), self._changed:
            await self._changed.wait_for(enough)

    async def take(self, request: web.Request) -> web.Response:
        delivery = Delivery(request.headers["Provider-Signature"], await request.read())
        status = self.answer(delivery)
        async with self._changed:
            self.deliveries.append(delivery)
            if status < 300:
                self.taken.append(delivery.notice)
            self._changed.notify_all()
        return web.Response(status=status)


@asynccontextmanager
async def listening() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with answering(receiver.take) as url:
        receiver.url = f"{url}/notices"
        yield receiver
