"""`box-office log-digest`: today's log is compared with what was published of it."""

import json
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from entrypoints.wiring import BoxOffice
from tests.support.log import FIRST as STREAM
from tests.support.log import append
from tests.support.provider import Provider
from tests.support.terminal import Ran, run

CLEAN = Ran(0, "clean: every invariant holds\n", "")


@pytest.fixture
async def published(
    parts: BoxOffice, provider: Provider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Path:
    """The digest of a log with three events."""
    monkeypatch.setenv("BOX_OFFICE_PROVIDER_URL", provider.url)
    await append(parts.store, STREAM, 1, events=3)
    return written(tmp_path / "digest.json", (await run("log-digest", "--json")).stdout)


def written(file: Path, text: str) -> Path:
    file.write_text(text)
    return file


def digest_in(published: Path) -> str:
    digest: str = json.loads(published.read_text())["digest"]
    return digest


async def verify(published: Path) -> Ran:
    return await run("verify", "--digest", str(published))


async def test_a_log_that_grew_continues_its_digest(parts: BoxOffice, published: Path) -> None:
    digest = (await run("log-digest")).stdout
    assert digest == f"{digest_in(published)}\n"
    assert await verify(published) == CLEAN
    await append(parts.store, STREAM, 2)
    assert await verify(published) == CLEAN
    assert (await run("log-digest")).stdout != digest


async def test_a_log_that_was_written_again_does_not(
    parts: BoxOffice, pool: asyncpg.Pool, published: Path
) -> None:
    """Its chain is whole: it has the first two of three events, and another one."""
    await pool.execute("ALTER TABLE es.event DISABLE TRIGGER event_append_only")
    await pool.execute("DELETE FROM es.event")
    await append(parts.store, STREAM, 1, events=2)
    await append(parts.store, STREAM, 3)
    assert await run("verify") == CLEAN
    told = f"slice 31 position 3: {STREAM} 3: is not the event that was published\n"
    assert await verify(published) == Ran(6, "", told)


async def test_a_log_that_lost_its_end_does_not(pool: asyncpg.Pool, published: Path) -> None:
    await pool.execute("ALTER TABLE es.event DISABLE TRIGGER event_append_only")
    await pool.execute("DELETE FROM es.event")
    ran = await verify(published)
    assert (ran.exit_code, ran.stderr) == (
        6,
        "slice 31 position 3: was published, and is removed\n",
    )


def damaged(published: Path) -> Iterator[str]:
    """Every way to damage the file, one after the other; how each is told."""
    whole = published.read_text()
    for text in (
        "",
        "[]",
        whole[:-10],
        whole.replace('"digest"', '"of"'),
        whole.replace(" 3,", " -3,"),
        whole.replace(" 31,", ' "1",'),
    ):
        published.write_text(text)
        yield "is not what `log-digest --json` prints"
    published.write_text(whole.replace(" 3,", " 2,"))
    yield "was changed: its digest is not that of its slices"
    published.unlink()
    yield "cannot be read: No such file or directory"


@pytest.mark.usefixtures("parts")
async def test_what_is_no_digest_is_bad_input(published: Path) -> None:
    for message in damaged(published):
        assert await verify(published) == Ran(2, "", f"--digest: {published} {message}\n")
