"""A server that does not answer hides nothing of what the others tell."""

from collections.abc import Sequence
from typing import cast

import pytest

from eventstore.errors import TransientError
from ticketing.payment_provider.api import Ledger, PaymentProvider
from ticketing.reconciliation import verify_all
from ticketing.verification.api import Finding, Verification

AWAY = TransientError("nobody answers")
OPEN = Finding(check="payment_open", payment_ids=("p1",), what="received")
MISSING = Finding(check="process_missing", booking_ids=("b1",), what="confirmed")


class Ours:
    def __init__(self, *business: Finding) -> None:
        self._business = business

    async def verify_log(self) -> Sequence[object]:
        return ["a gap"]

    async def verify_business(self) -> Sequence[Finding]:
        return self._business

    async def verify_provider(self, ledger: Ledger) -> Sequence[Finding]:
        return [Finding(check="provider_unreadable", what=what) for what in ledger.unreadable]


class InOrder(Ours):
    async def verify_log(self) -> Sequence[object]:
        return []


class Theirs:
    def __init__(self, answer: Ledger | TransientError) -> None:
        self._answer = answer

    async def ledger(self) -> Ledger:
        if isinstance(self._answer, TransientError):
            raise self._answer
        return self._answer


EMPTY = Theirs(Ledger(payments=()))


async def found(ours: Ours, theirs: Theirs, processes: Finding | TransientError) -> list[str]:
    async def ask() -> Sequence[Finding]:
        if isinstance(processes, TransientError):
            raise processes
        return [processes]

    findings = await verify_all(cast(Verification, ours), cast(PaymentProvider, theirs), ask)
    return [finding.check for finding in findings]


async def test_all_four_are_asked() -> None:
    theirs = Theirs(Ledger(payments=(), unreadable=("p2",)))
    assert await found(Ours(OPEN), theirs, MISSING) == [
        "log",
        "payment_open",
        "provider_unreadable",
        "process_missing",
    ]


async def test_without_provider_and_processes_the_rest_is_verified() -> None:
    checks = ["log", "payment_open", "server_unread", "server_unread"]
    assert await found(Ours(OPEN), Theirs(AWAY), AWAY) == checks


async def test_if_nothing_else_is_wrong_the_silent_server_ends_the_verification() -> None:
    with pytest.raises(TransientError, match="nobody answers"):
        await found(InOrder(), EMPTY, AWAY)
