"""The stack's parts: what they are given, and what becomes of them when one of them fails."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import PostgresDsn, SecretStr

from entrypoints.devstack import stack as system
from entrypoints.devstack.children import child, claim, free_port, interruptible
from entrypoints.devstack.stack import Ports, Program, Stack, environment_of, stack
from entrypoints.errors import StackError
from entrypoints.settings import Settings
from tests.support.programs import until_told
from tests.support.shell import all_end

STEADY = Program(("-c", "import signal; signal.pause()"))
PRINTS_SETTINGS = """
from entrypoints.settings import Settings
settings = Settings()
print(repr(settings), [secret.get_secret_value() for secret in settings.webhook_secrets])
"""
IGNORES_SIGTERM = "trap '' TERM; echo ready; while :; do read line < /dev/zero; done"


BROKEN = Program(("-c", "import sys; sys.exit('no such luck')"), port=free_port())


def _play(monkeypatch: pytest.MonkeyPatch, programs: Mapping[str, Program]) -> None:
    def programs_of(_: Stack) -> Mapping[str, Program]:
        return programs

    monkeypatch.setattr(system, "programs", programs_of)


async def test_children_read_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOX_OFFICE_TASK_QUEUE", "not of this stack")
    monkeypatch.setenv("BOX_OFFICE_METRICS_ADDRESS", "127.0.0.1:9090")
    settings = Settings().model_copy(
        update={
            "database_url": PostgresDsn("postgresql://other@127.0.0.1:1/other?sslmode=disable"),
            "task_queue": "ticketing",
            "metrics_address": None,
            "expiry_grace_seconds": 1.5,
            "late_payment": "refund",
            "webhook_secrets": (SecretStr("new"), SecretStr("old")),
        }
    )
    program, changes = (sys.executable, "-c", PRINTS_SETTINGS), environment_of(settings)
    async with (
        claim(tmp_path) as home,
        child(home, "reader", program, environment=changes) as reader,
    ):
        assert await reader.wait() == 0
        assert reader.log_tail() == f"{settings!r} ['new', 'old']"


async def test_when_a_program_ends_while_starting_its_log_is_told_and_the_rest_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _play(monkeypatch, {"steady": STEADY, "broken": BROKEN})
    said: list[str] = []
    async with claim(tmp_path) as home:
        with pytest.raises(
            StackError, match=r"broken did not start: it ended with exit code 1(.|\n)*no such luck"
        ):
            async with stack(home, Settings(), Ports(), said.append):
                pass
        started = {child.name: child.is_running() for child in home.children}
    assert started == dict.fromkeys(("initdb", "postgres", "temporal", "steady", "broken"), False)
    assert [line.split()[2] for line in said] == ["postgres", "temporal", "steady"]


async def test_a_part_that_ends_by_itself_is_told_and_can_be_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _play(monkeypatch, {"steady": STEADY})
    async with claim(tmp_path) as home, stack(home, Settings(), Ports(), lambda _: None) as running:
        first = running.parts["steady"]
        first.kill()
        with pytest.raises(StackError, match="steady ended by itself with exit code -9"):
            await running.watch()
        await running.start("steady")
        assert running.parts["steady"].is_running()
        assert running.parts["steady"].pid != first.pid


async def test_a_second_ctrl_c_kills_what_does_not_stop(tmp_path: Path) -> None:
    said: list[str] = []

    def hear(text: str) -> None:
        said.append(text.split()[0])
        if said == ["Stopping"]:
            os.kill(os.getpid(), signal.SIGINT)

    async with claim(tmp_path) as home:

        async def work() -> None:
            async with child(home, "stubborn", ["sh", "-c", IGNORES_SIGTERM]) as stubborn:
                await until_told(stubborn.log, "ready")
                os.kill(os.getpid(), signal.SIGINT)
                await stubborn.wait()

        async with asyncio.timeout(10):  # less than the patience with a child that does not stop
            assert not await interruptible(work(), home, hear)
        assert await home.children[0].wait() == -signal.SIGKILL
    assert said == ["Stopping", "Killing"]


async def test_a_process_that_stays_is_found() -> None:
    with pytest.raises(TimeoutError, match=str(os.getpid())):
        await all_end([os.getpid()], timedelta())
