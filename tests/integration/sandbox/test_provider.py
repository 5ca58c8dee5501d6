"""The provider's own HTTP: keys, malformed input, chargebacks, durability, the ledger's guards."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from entrypoints.devstack.children import claim
from sandbox import ledger
from sandbox.database import open_database
from sandbox.messages import Amount, CaptureRequest
from tests.support.patience import SOON_SECONDS
from tests.support.provider import Provider, running
from tests.support.waiting import eventually

NOW = datetime(2031, 5, 1, 12, tzinfo=UTC)


def wanted(payment_id: str = "p1", **changes: object) -> dict[str, Any]:
    amount = {"amount_minor": 1500, "currency": "EUR"}
    request = {"payment_id": payment_id, "booking_id": "b1", "payer": "Ada", "amount": amount}
    return {**request, **changes}


async def capture(provider: Provider, key: str = "k1", **changes: Any) -> tuple[int, Any]:
    return await provider.ask("POST", "/v1/payments", wanted(**changes), key=key)


async def refund(provider: Provider, key: str = "k1", payment_id: str = "p1") -> tuple[int, Any]:
    return await provider.ask("POST", f"/v1/payments/{payment_id}/refunds", key=key)


async def test_a_second_key_takes_no_money_for_the_same_payment(provider: Provider) -> None:
    await capture(provider)
    assert await capture(provider, "k2") == (409, {"error": "payment_exists"})
    assert await provider.effects("capture", "p1") == 1


async def test_one_key_may_serve_each_operation_once(provider: Provider) -> None:
    assert (await capture(provider, "k1"))[0] == 201
    assert (await refund(provider, "k1"))[0] == 201


async def test_a_refund_key_used_for_another_payment_is_refused(provider: Provider) -> None:
    await capture(provider, "k1")
    await capture(provider, "k2", payment_id="p2")
    await refund(provider)
    again = await refund(provider, payment_id="p2")
    assert again == (409, {"error": "idempotency_key_reused"})
    assert await provider.effects("refund", "p2") == 0


async def test_a_second_key_gets_the_reference_of_the_first_refund(provider: Provider) -> None:
    await capture(provider)
    _, done = await refund(provider)
    again = (409, {"error": "already_refunded", "refund_ref": done["refund_ref"]})
    assert await refund(provider, "k2") == again
    assert await provider.effects("refund", "p1") == 1


async def test_a_charged_back_payment_cannot_be_refunded_as_well(provider: Provider) -> None:
    await capture(provider)
    ref = await provider.charge_back("p1")
    status, body = await refund(provider)
    assert (status, body["refund_ref"]) == (409, ref)
    moved = [(effect["kind"], effect["ref"]) for effect in await provider.rows("effects")]
    assert moved[1:] == [("chargeback", ref)]


async def test_malformed_input_moves_nothing(provider: Provider) -> None:
    for changes in (
        {"payment_id": "with space"},
        {"payer": ""},
        {"amount": {"amount_minor": -1, "currency": "EUR"}},
        {"amount": {"amount_minor": 2**63, "currency": "EUR"}},
        {"amount": {"amount_minor": 1, "currency": "euro"}},
        {"tip": 1},
    ):
        assert (await capture(provider, **changes))[0] == 422, changes
    assert await provider.rows("effects") == []


async def test_without_a_key_nothing_moves(provider: Provider) -> None:
    assert (await provider.ask("POST", "/v1/payments", wanted()))[0] == 422
    assert (await provider.ask("POST", "/v1/payments/p1/refunds"))[0] == 422
    assert await provider.rows("effects") == []


async def test_a_fault_plan_that_means_nothing_is_refused(provider: Provider) -> None:
    for fault in (
        {"operation": "capture", "fault": "reorder"},
        {"operation": "notice", "fault": "refuse"},
        {"operation": "notice", "fault": "late"},
        {"operation": "refund", "fault": "refuse", "times": 0},
    ):
        assert (await provider.ask("PUT", "/v1/faults", [fault]))[0] == 422
    assert await provider.rows("faults") == []


async def test_a_restart_after_sigterm_keeps_answers_effects_and_faults(tmp_path: Path) -> None:
    async with claim(tmp_path) as home:
        async with running(tmp_path / "ledger", home) as provider:
            first, back = await capture(provider), await refund(provider)
            await provider.plan({"operation": "capture", "fault": "refuse", "times": None})
            before = [await provider.rows(name) for name in ("effects", "faults", "notices")]
            assert await provider.child.stop() == 0
        async with running(tmp_path / "ledger", home) as provider:
            after = [await provider.rows(name) for name in ("effects", "faults", "notices")]
            assert after == before
            assert (await capture(provider), await refund(provider)) == (first, back)
            assert await provider.rows("effects") == before[0]


async def test_sigterm_does_not_wait_long_for_a_request_that_hangs(tmp_path: Path) -> None:
    async with claim(tmp_path) as home, running(tmp_path / "ledger", home) as provider:
        await provider.plan({"operation": "capture", "fault": "slow", "seconds": 3600})
        hanging = asyncio.create_task(capture(provider))

        async def met() -> bool:
            return not await provider.rows("faults")

        await eventually(met, "the request has met it")
        async with asyncio.timeout(SOON_SECONDS):
            assert await provider.child.stop() == 0
        await asyncio.wait([hanging])
        assert hanging.exception() is not None


def test_only_the_unique_index_keeps_a_second_refund_out(tmp_path: Path) -> None:
    amount = Amount(amount_minor=1, currency="EUR")
    request = CaptureRequest(payment_id="p1", booking_id="b1", payer="Ada", amount=amount)
    database = open_database(tmp_path, "ledger")
    ledger.capture(database, "k1", request, refuse=False, now=NOW)

    def refund_status(key: str) -> int:
        return ledger.refund(database, key, "p1", refuse=False, now=NOW).status

    assert [refund_status("k1"), refund_status("k2")] == [201, 409]
    database.execute("DROP INDEX one_return")
    assert refund_status("k3") == 201  # the control: the look before it would not have helped
    database.close()
