"""However many requests of no provider come, nothing is accepted, and nothing changes."""

import asyncio
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator, MutableMapping
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import asyncpg
import pytest
import structlog
from fastapi import FastAPI

from entrypoints.devstack.children import Home, claim
from entrypoints.settings import LOOPBACK, Settings
from entrypoints.webhooks.app import app
from entrypoints.wiring import box_office
from tests.integration.webhooks.conftest import settings
from tests.integration.webhooks.provider import Door, all_tables, notice, signature
from tests.security.effort import FULL
from tests.security.forging import Forged, forged
from tests.security.test_slow_connections import receiver

SEED = int(os.environ.get("SEED", "838"))
IN_PROCESS, BY_HTTP = (100_000, 5_000) if FULL else (4_000, 500)
RSS_GROWTH_MAX = 24 * 1024 * 1024  # of garbage that is not collected yet

__all__ = ["settings"]  # a fixture


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    async with claim(tmp_path / "home") as home:
        yield home


@pytest.fixture
def _no_log() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


async def _ask(application: FastAPI, request: Forged) -> int:
    """The status of the answer, without a socket in between."""
    statuses: list[int] = []
    headers = [(b"content-type", b"application/json")]
    if request.header is not None:
        headers.append((b"provider-signature", request.header.encode("latin-1")))
    scope: MutableMapping[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/webhooks/payments",
        "query_string": b"",
        "headers": headers,
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
        "server": (LOOPBACK, 80),
        "client": (LOOPBACK, 1),
    }

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        statuses.extend([message["status"]] if "status" in message else [])

    await application(scope, receive, send)
    await asyncio.sleep(0)  # the loop forgets its timers
    return statuses[0]


class Footprint:
    """The memory and the open files of a process, on Linux."""

    def __init__(self, pid: int | str = "self") -> None:
        self.process = Path("/proc") / str(pid)
        self.memory, self.files = self.now()

    def now(self) -> tuple[int, int]:
        pages = int((self.process / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE"), len(list((self.process / "fd").iterdir()))

    def check(self, told: object) -> None:
        memory, files = self.now()
        grown = memory - self.memory
        print(f"{told}; memory {grown / 1e6:+.1f} MB, files {files - self.files:+}")
        assert grown < RSS_GROWTH_MAX
        assert files - self.files < 10


@pytest.mark.usefixtures("_no_log")
@pytest.mark.timeout(1_800)  # of 100,000, on a busy machine
async def test_no_forged_notice_is_accepted_and_nothing_is_written(
    settings: Settings, pool: asyncpg.Pool
) -> None:
    answers: Counter[int] = Counter()
    async with box_office(settings) as parts:
        application = app(settings, parts, asyncio.Event())
        good = Forged("good", notice(), signature(notice()))
        assert await _ask(application, good) == 200  # or nothing would be accepted anyway
        before = await all_tables(pool)
        footprint = None
        for number, request in enumerate(forged(Random(SEED), IN_PROCESS)):
            if number == IN_PROCESS // 10:
                footprint = Footprint()
            status = await _ask(application, request)
            assert 400 <= status < 500, request
            answers[status] += 1
        assert await all_tables(pool) == before
    assert footprint is not None
    footprint.check(f"{IN_PROCESS} forged notices of seed {SEED}: {dict(answers)}")


@pytest.mark.timeout(600)
async def test_the_receiver_accepts_none_over_http_and_stays_as_small_as_it_was(
    home: Home, database: str, pool: asyncpg.Pool
) -> None:
    answers: Counter[int] = Counter()
    async with (
        receiver(home, database) as (process, port),
        aiohttp.ClientSession(f"http://{LOOPBACK}:{port}") as session,
    ):
        door = Door(session, port)
        assert await door.post(notice()) == (200, "stored")
        before = await all_tables(pool)
        footprint = None
        for number, request in enumerate(forged(Random(SEED + 1), BY_HTTP)):
            if number == BY_HTTP // 10:
                footprint = Footprint(process.pid)
            headers = {} if request.header is None else {"Provider-Signature": request.header}
            async with session.post(
                "/webhooks/payments", data=request.body, headers=headers
            ) as sent:
                answers[sent.status] += 1
                assert 400 <= sent.status < 500, request
        assert await all_tables(pool) == before
        assert footprint is not None
        footprint.check(f"{BY_HTTP} forged notices over HTTP: {dict(answers)}")
        assert await door.post(notice()) == (200, "known")
