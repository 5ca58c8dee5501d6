"""`starter.py`, as somebody types it."""

import asyncio
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from entrypoints.devstack.children import free_port
from entrypoints.wiring import BoxOffice
from tests.support.terminal import run

STARTER = Path(__file__).parents[3] / "starter.py"
BOOKS = ("--concert", "concertA", "--client", "ann", "--seat", "1-1")


async def start(*arguments: str) -> tuple[int | None, str, str]:
    run = partial(subprocess.run, capture_output=True, text=True)
    ran = await asyncio.to_thread(run, (sys.executable, STARTER, *arguments))
    return ran.returncode, ran.stdout, ran.stderr


async def test_its_money_is_the_providers_and_verify_finds_nothing(office: BoxOffice) -> None:
    code, output, _ = await start(*BOOKS, "--pay")
    assert code == 0
    assert '"status": "confirmed"' in output
    assert '"status": "applied"' in output
    assert (await run("verify")).exit_code == 0


async def test_a_rejection_says_which(office: BoxOffice) -> None:
    _, output, _ = await start(*BOOKS, "--seat", "1-1")
    assert '"type": "DuplicateSeats"' in output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--seat", "1x1"), "--seat: '1x1' is not a seat: write ROW-NUMBER"),
        (("--client", "a b"), "--client: 'a b' is no id"),
    ],
)
async def test_a_mistake_is_one_sentence(arguments: tuple[str, ...], words: str) -> None:
    code, output, errors = await start(*BOOKS, *arguments)
    assert (code, output) == (2, "")
    assert errors.startswith(words)
    assert errors.count("\n") == 1


async def test_without_temporal_the_server_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)
    code, output, errors = await start(*BOOKS)
    assert (code, output) == (5, "")
    assert errors.startswith(f"Temporal at {address} is unreachable")
