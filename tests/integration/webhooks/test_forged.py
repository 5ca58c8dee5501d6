"""Ten thousand notices that the provider did not send now; none is accepted, none leaves a trace.

After docs.stripe.com/webhooks and OWASP ASVS 5.0: forged, replayed, stale, future-dated, truncated.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random

import asyncpg
import pytest
from structlog.testing import capture_logs

from entrypoints.webhooks import routes
from tests.integration.webhooks.provider import (
    OLD_SECRET,
    Door,
    all_tables,
    notice,
    now_seconds,
    signature,
    v1,
)
from ticketing.payment_provider.signature import TOLERANCE, VerifiedBody

SEED = 4711
ATTEMPTS = 10_000
SENDERS = 16
BEYOND = int(TOLERANCE.total_seconds()) + 60  # a minute: the test's own run takes time

Attempt = tuple[bytes, str]  # a body and its header
Mutation = Callable[[Random, bytes], Attempt]


def _wrong_secret(random: Random, body: bytes) -> Attempt:
    return body, signature(body, secret=f"a guess {random.random()}")


def _changed_body(random: Random, body: bytes) -> Attempt:
    at = random.randrange(len(body))
    changed = bytes((body[at] ^ random.randrange(1, 256),))
    return body[:at] + changed + body[at + 1 :], signature(body)


def _truncated_body(random: Random, body: bytes) -> Attempt:
    return body[: random.randrange(len(body))], signature(body)


def _lengthened_body(random: Random, body: bytes) -> Attempt:
    return body + b" " * random.randrange(1, 100), signature(body)


def _changed_signature(random: Random, body: bytes) -> Attempt:
    header = signature(body)
    at = random.randrange(header.index("v1=") + 3, len(header))
    other = random.choice("0123456789abcdef".replace(header[at], ""))
    return body, header[:at] + other + header[at + 1 :]


def _truncated_header(random: Random, body: bytes) -> Attempt:
    header = signature(body)
    return body, header[: random.randrange(len(header))]


def _garbage_header(random: Random, body: bytes) -> Attempt:
    return body, "".join(random.choices("tv1=,0a é", k=random.randrange(100))).strip()


def _signature_of_another(random: Random, body: bytes) -> Attempt:
    return body, signature(notice(f"n{random.random()}"))


def _replayed_long_after(random: Random, body: bytes) -> Attempt:
    return body, signature(body, at=now_seconds() - random.randrange(BEYOND, 10**9))


def _replayed_with_a_new_time(random: Random, body: bytes) -> Attempt:
    old = now_seconds() - random.randrange(BEYOND, 10**9)
    return body, f"t={now_seconds()},v1={v1(body, old, OLD_SECRET)}"


def _future_dated(random: Random, body: bytes) -> Attempt:
    return body, signature(body, at=now_seconds() + random.randrange(BEYOND, 10**9))


MUTATIONS: tuple[Mutation, ...] = (
    _wrong_secret,
    _changed_body,
    _truncated_body,
    _lengthened_body,
    _changed_signature,
    _truncated_header,
    _garbage_header,
    _signature_of_another,
    _replayed_long_after,
    _replayed_with_a_new_time,
    _future_dated,
)


def attempts(count: int) -> Iterator[Attempt]:
    """Each is a mutation of a good notice: of one that was received, or of one that was not."""
    random = Random(SEED)
    for number in range(count):
        good = random.choice([notice(), notice(f"n{number}", payment_id=f"bank-{number}")])
        yield MUTATIONS[number % len(MUTATIONS)](random, good)


async def send(door: Door, all_of_them: Iterator[Attempt]) -> Counter[tuple[int, str]]:
    """How many got which reply; several at a time, on connections that are kept."""
    replies: Counter[tuple[int, str]] = Counter()

    async def sender() -> None:
        for body, header in all_of_them:
            replies[await door.post(body, header)] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(SENDERS):
            group.create_task(sender())
    return replies


async def test_none_of_ten_thousand_forged_notices_is_accepted(
    door: Door, pool: asyncpg.Pool
) -> None:
    assert await door.post(notice()) == (200, "stored")
    before = await all_tables(pool)
    assert before["payments.notice"][0] == before["es.event"][0] == 1
    with capture_logs() as lines:
        replies = await send(door, attempts(ATTEMPTS))
    assert replies.total() == ATTEMPTS
    assert {status for status, _ in replies} == {400}
    assert {outcome for _, outcome in replies} == {
        "signature_missing",
        "signature_malformed",
        "signature_wrong",
        "signature_too_old",
        "signature_from_the_future",
    }
    counted = Counter(line["reason"] for line in lines if line["event"] == "notice refused")
    assert counted == {outcome: count for (_, outcome), count in replies.items()}
    assert await all_tables(pool) == before


async def test_control_without_the_signature_check_forged_notices_are_accepted(
    door: Door, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trusting(header: str | None, body: bytes, *_: object) -> VerifiedBody:
        return VerifiedBody(body)

    monkeypatch.setattr(routes, "verify", trusting)
    before = await all_tables(pool)
    replies = await send(door, attempts(100))
    assert replies[200, "stored"] > 0
    assert await all_tables(pool) != before
