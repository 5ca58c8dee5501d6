"""Only what two verifications in a row find is shown: a step under way looks broken at first."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from prometheus_client import CollectorRegistry

from entrypoints.observability.metrics import VerificationMetrics
from entrypoints.verifier import verify_again_and_again
from eventstore.errors import TransientError
from ticketing.verification.api import Finding

UNDER_WAY = Finding(check="payment_open", payment_ids=("p1",), what="received")
FURTHER = UNDER_WAY.model_copy(update={"what": "the refund is requested"})
ANOTHER = UNDER_WAY.model_copy(update={"payment_ids": ("p2",)})
Shown = tuple[float | None, bool]  # the findings, and whether everything was ever in order


async def shown(*runs: Sequence[Finding] | Exception) -> list[Shown]:
    """What the metrics show after each run."""
    registry = CollectorRegistry()
    metrics = VerificationMetrics(registry)
    seen: list[Shown] = []
    left = list(runs)

    async def verify() -> Sequence[Finding]:
        seen.append(_values(registry))
        if not left:
            raise asyncio.CancelledError
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    with suppress(asyncio.CancelledError):
        await verify_again_and_again(verify, timedelta(0), metrics)
    return seen[1:]


def _values(registry: CollectorRegistry) -> Shown:
    findings = registry.get_sample_value("box_office_verify_findings", {"kind": "payment_open"})
    clean_at = registry.get_sample_value("box_office_verify_clean_timestamp_seconds")
    return findings, bool(clean_at)


async def test_nothing_wrong_is_clean() -> None:
    assert await shown([]) == [(None, True)]


async def test_a_step_under_way_is_no_finding() -> None:
    assert await shown([UNDER_WAY], [ANOTHER], []) == [(None, False), (None, True), (None, True)]


async def test_what_stays_broken_is_shown_until_it_is_mended() -> None:
    assert await shown([UNDER_WAY], [FURTHER, ANOTHER], [FURTHER, ANOTHER], []) == [
        (None, False),
        (1, False),
        (2, False),
        (0, True),
    ]


async def test_a_run_that_fails_changes_nothing() -> None:
    away = TransientError("nobody answers")
    assert await shown([UNDER_WAY], away, [UNDER_WAY]) == [(None, False), (None, False), (1, False)]
