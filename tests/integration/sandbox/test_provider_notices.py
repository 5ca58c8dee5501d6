"""What the provider tells others unasked: signed, in order, at least once; or as the plan says."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from entrypoints.devstack.children import claim, free_port
from entrypoints.errors import StackError
from sandbox.notices import pause_seconds
from tests.support.provider import SECRET, Provider, running
from tests.support.receiver import Delivery, Receiver, listening
from tests.support.waiting import eventually

CAPTURED, REFUNDED = "payment.captured", "payment.refunded"
LATE = timedelta(milliseconds=300)


@dataclass(frozen=True, slots=True)
class Stage:
    provider: Provider
    receiver: Receiver

    async def capture(self, payment_id: str) -> dict[str, Any]:
        amount = {"amount_minor": 1500, "currency": "EUR"}
        body = {"payment_id": payment_id, "booking_id": "b1", "payer": "Ada", "amount": amount}
        status, payment = await self.provider.ask("POST", "/v1/payments", body, key=payment_id)
        assert status == 201
        return dict(payment)

    async def refund(self, payment_id: str) -> None:
        path = f"/v1/payments/{payment_id}/refunds"
        status, _ = await self.provider.ask("POST", path, key=payment_id)
        assert status == 201

    async def plan(self, fault: str, **more: object) -> None:
        """For the next notice of p1."""
        await self.provider.plan(
            {"operation": "notice", "payment_id": "p1", "fault": fault, **more}
        )

    async def told(self, count: int) -> list[tuple[str, str]]:
        """Type and payment of the notices taken, when there are so many."""
        await self.receiver.until(lambda: len(self.receiver.taken) >= count)
        return [(one["type"], one["payment"]["payment_id"]) for one in self.receiver.taken]

    async def states(self) -> list[tuple[str, int]]:
        """How each notice stands, once none waits any more, and how often it was delivered."""

        async def none_waits() -> list[dict[str, Any]]:
            rows = await self.provider.rows("notices")
            return [] if any(row["state"] == "waiting" for row in rows) else rows

        rows = await eventually(none_waits, "no notice waits")
        return [(row["state"], row["deliveries"]) for row in rows]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with (
        listening() as receiver,
        claim(tmp_path) as home,
        running(tmp_path / "ledger", home, notify_url=receiver.url) as provider,
    ):
        yield Stage(provider, receiver)


def is_signed(delivery: Delivery, secret: str = SECRET) -> bool:
    """Stripe's scheme, written down a second time."""
    time, mac = (part.split("=", 1)[1] for part in delivery.signature.split(","))
    signed = f"{time}.{delivery.body.decode()}"
    expected = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(mac, expected)


async def test_each_effect_is_told_in_order_as_it_was(stage: Stage) -> None:
    payment = await stage.capture("p1")
    await stage.refund("p1")
    await stage.capture("p2")
    ref = await stage.provider.charge_back("p2")
    assert await stage.told(4) == [
        (CAPTURED, "p1"),
        (REFUNDED, "p1"),
        (CAPTURED, "p2"),
        ("payment.charged_back", "p2"),
    ]
    first, *_, last = stage.receiver.taken
    assert first["payment"] == payment
    assert last["payment"]["refund_ref"] == ref
    assert len({one["notice_id"] for one in stage.receiver.taken}) == 4
    assert await stage.states() == [("delivered", 1)] * 4


async def test_a_notice_is_signed_over_its_time_and_body(stage: Stage) -> None:
    await stage.capture("p1")
    await stage.told(1)
    (delivery,) = stage.receiver.deliveries
    assert is_signed(delivery)
    assert not is_signed(delivery, "another secret")
    assert not is_signed(Delivery(delivery.signature, delivery.body + b" "))
    later = delivery.signature.replace("t=", "t=9")
    assert not is_signed(Delivery(later, delivery.body))
    signed_at = datetime.fromtimestamp(int(delivery.signature[2:].split(",")[0]), UTC)
    assert abs(datetime.now(UTC) - signed_at) < timedelta(minutes=1)


async def test_a_duplicate_comes_twice(stage: Stage) -> None:
    await stage.plan("duplicate")
    await stage.capture("p1")
    await stage.capture("p2")
    assert await stage.told(3) == [(CAPTURED, "p1"), (CAPTURED, "p1"), (CAPTURED, "p2")]
    first, second, _ = stage.receiver.deliveries
    assert first.body == second.body
    assert await stage.states() == [("delivered", 2), ("delivered", 1)]


async def test_a_reordered_notice_comes_after_the_next_one(stage: Stage) -> None:
    await stage.plan("reorder")
    await stage.capture("p1")
    await stage.refund("p1")
    assert await stage.told(2) == [(REFUNDED, "p1"), (CAPTURED, "p1")]


async def test_a_late_notice_comes_late_and_others_pass_it(stage: Stage) -> None:
    await stage.plan("late", seconds=LATE.total_seconds())
    payment = await stage.capture("p1")
    await stage.refund("p1")
    assert await stage.told(2) == [(REFUNDED, "p1"), (CAPTURED, "p1")]
    assert datetime.now(UTC) >= datetime.fromisoformat(payment["captured_at"]) + LATE


async def test_a_lost_notice_never_comes(stage: Stage) -> None:
    await stage.plan("lost")
    await stage.capture("p1")
    await stage.capture("p2")
    assert await stage.told(1) == [(CAPTURED, "p2")]
    assert await stage.states() == [("lost", 0), ("delivered", 1)]


async def test_a_notice_comes_again_until_it_is_taken(stage: Stage) -> None:
    troubles = [500, 404, 302]
    stage.receiver.answer = lambda _: troubles.pop() if troubles else 200
    await stage.capture("p1")
    assert await stage.told(1) == [(CAPTURED, "p1")]
    assert len({delivery.body for delivery in stage.receiver.deliveries}) == 1
    assert await stage.states() == [("delivered", 1)]
    assert (await stage.provider.rows("notices"))[0]["attempts"] == 4


async def test_only_notices_of_the_same_payment_wait_for_one_that_fails(stage: Stage) -> None:
    stage.receiver.answer = lambda delivery: (
        503
        if delivery.notice["payment"]["payment_id"] == "p1" and not stage.receiver.taken
        else 200
    )
    await stage.capture("p1")
    await stage.refund("p1")
    await stage.capture("p2")
    assert await stage.told(3) == [(CAPTURED, "p2"), (CAPTURED, "p1"), (REFUNDED, "p1")]


async def test_what_nobody_could_be_told_is_told_after_a_restart(tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/notices"
    async with listening() as receiver, claim(tmp_path) as home:
        for url in (None, nobody, receiver.url):
            async with running(tmp_path / "ledger", home, notify_url=url) as provider:
                stage = Stage(provider, receiver)
                await stage.capture("p1")
                if url == receiver.url:
                    assert await stage.told(1) == [(CAPTURED, "p1")]
                    assert await stage.states() == [("delivered", 1)]


async def test_notices_need_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.provider.SECRET", "")
    async with claim(tmp_path) as home:
        with pytest.raises(StackError, match="notices need a secret"):
            async with running(tmp_path / "ledger", home, notify_url="http://127.0.0.1:9/"):
                pass
        async with running(tmp_path / "ledger", home):
            pass  # the control: who tells nobody needs none


def test_pauses_grow_up_to_a_limit_and_are_longer_for_what_is_not_wanted() -> None:
    for attempts in (0, 1, 5, 10_000):
        assert pause_seconds(attempts, None) == pause_seconds(attempts, 503)
        assert pause_seconds(attempts, 503) < pause_seconds(attempts, 422)
    for status in (None, 422):
        pauses = [pause_seconds(attempts, status) for attempts in range(20)]
        assert pauses == sorted(pauses)
        assert pauses[0] < 1 < pauses[-1] == pause_seconds(10_000, status)
