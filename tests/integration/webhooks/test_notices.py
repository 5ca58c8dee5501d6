"""Each notice has its effect once, in whatever order and however often it comes: H44, H45."""

import asyncio
import json

import asyncpg
import pytest
from pydantic import SecretStr

from entrypoints.errors import BadSetting
from entrypoints.settings import Settings
from entrypoints.webhooks.app import app
from entrypoints.wiring import BoxOffice
from tests.integration.webhooks.provider import (
    OLD_SECRET,
    SECRET,
    Door,
    logged,
    notice,
    serving,
    signature,
    stored,
)

CAPTURED = ("n1", "payment.captured")
REPORTED = ("payment-bank-7", "PaymentReported")


async def test_h44_a_repeated_notice_has_one_effect(door: Door, pool: asyncpg.Pool) -> None:
    assert await door.post(notice()) == (200, "stored")
    assert await door.post(notice()) == (200, "known")
    assert await stored(pool) == [CAPTURED]
    assert await logged(pool) == [REPORTED]


async def test_of_twenty_at_once_one_has_the_effect(door: Door, pool: asyncpg.Pool) -> None:
    async with asyncio.TaskGroup() as group:
        posts = [group.create_task(door.post(notice())) for _ in range(20)]
    assert sorted(post.result() for post in posts) == [(200, "known")] * 19 + [(200, "stored")]
    assert await stored(pool) == [CAPTURED]
    assert await logged(pool) == [REPORTED]


async def test_without_its_key_a_repeat_is_stored_twice(door: Door, pool: asyncpg.Pool) -> None:
    await pool.execute("ALTER TABLE payments.notice DROP CONSTRAINT notice_key")
    for _ in range(2):
        assert await door.post(notice()) == (200, "stored")
    assert await stored(pool) == [CAPTURED, CAPTURED]
    assert await logged(pool) == [REPORTED]  # the payment has a key of its own


@pytest.mark.parametrize(
    "types",
    [
        ("payment.refunded", "payment.charged_back", "payment.captured"),
        ("payment.captured", "payment.charged_back", "payment.refunded"),
    ],
)
async def test_h45_the_order_of_notices_does_not_matter(
    door: Door, pool: asyncpg.Pool, types: tuple[str, ...]
) -> None:
    bodies = [notice(type, type, refund_ref="r7") for type in types]
    for body in (*bodies, *bodies):
        assert (await door.post(body))[0] == 200
    assert await stored(pool) == [(type, type) for type in sorted(types)]
    assert await logged(pool) == [REPORTED]


async def test_a_notice_of_a_type_that_is_new_to_us_is_kept(door: Door, pool: asyncpg.Pool) -> None:
    assert await door.post(notice(type="payment.disputed")) == (200, "stored")
    content = await pool.fetchval("SELECT content FROM payments.notice")
    assert json.loads(content) == json.loads(notice(type="payment.disputed"))
    assert await logged(pool) == []


async def test_the_log_names_the_notice_and_no_process(door: Door, pool: asyncpg.Pool) -> None:
    await door.post(notice())
    metadata = json.loads(await pool.fetchval("SELECT metadata FROM es.event"))
    assert metadata == {"via": "notice n1"}  # "process" would say that one runs already


async def test_a_known_notice_with_other_content_is_refused(door: Door, pool: asyncpg.Pool) -> None:
    assert await door.post(notice()) == (200, "stored")
    assert await door.post(notice(payer="Eve")) == (409, "notice_differs")
    assert await stored(pool) == [CAPTURED]


async def test_every_notice_of_a_payment_is_kept_and_the_payment_reported_once(
    door: Door, pool: asyncpg.Pool
) -> None:
    for body in (notice(), notice("n2"), notice("n3", payer="Eve")):
        assert await door.post(body) == (200, "stored")
    assert await stored(pool) == [(id, "payment.captured") for id in ("n1", "n2", "n3")]
    assert await logged(pool) == [REPORTED]


async def test_an_old_secret_counts_until_it_is_taken_out(
    settings: Settings, parts: BoxOffice, door: Door
) -> None:
    old = signature(notice(), secret=OLD_SECRET)
    assert await door.post(notice(), old) == (200, "stored")
    rotated = settings.model_copy(update={"webhook_secrets": (SecretStr(SECRET),)})
    async with serving(app(rotated, parts, asyncio.Event())) as door:
        assert await door.post(notice(), old) == (400, "signature_wrong")
        assert await door.post(notice()) == (200, "known")


@pytest.mark.parametrize("secrets", ["", "short", f"{SECRET},short"])
async def test_nobody_listens_without_a_good_secret(
    parts: BoxOffice, monkeypatch: pytest.MonkeyPatch, secrets: str
) -> None:
    monkeypatch.setenv("BOX_OFFICE_WEBHOOK_SECRETS", secrets)
    with pytest.raises(BadSetting, match="BOX_OFFICE_WEBHOOK_SECRETS") as failed:
        app(Settings(), parts, asyncio.Event())
    assert "short" not in str(failed.value)
