"""What the tutorial and the how-tos tell you to type does what they say, on one running system."""

import asyncio
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.test_up import ports_in_a_row, running_up
from tests.support.terminal import run

pytestmark = pytest.mark.timeout(300)  # a busy machine

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CONSOLE = re.compile(r"^( *)```console\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
DIFF = re.compile(r"^```diff\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# A page's times, dates and ages are those of the day when it was written.
VARIABLE = re.compile(r"\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d(?:\.\d+)?|\.\.\.")
PAGES = {
    page: page.read_text()
    for page in (DOCS / "tutorial.md", *sorted((DOCS / "how-to").glob("*.md")))
}
WITH_CHANGES = [page for page, text in PAGES.items() if DIFF.search(text)]


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a page, and the lines that it is said to print."""

    line: str
    expected: tuple[str, ...]


def commands(page: str) -> Iterator[Command]:
    for indent, text in CONSOLE.findall(page):
        lines = [line.removeprefix(indent) for line in text.splitlines()]
        starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
        for begin, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            yield Command(lines[begin].removeprefix("$ "), tuple(lines[begin + 1 : end]))


def is_printed(line: str, output: str) -> bool:
    """Say whether some line of the output is this one, but for times and what it leaves out."""
    fixed = (re.escape(" ".join(part.split())) for part in VARIABLE.split(line))
    pattern = re.compile(r".*?".join(fixed).replace(r"\ ", r" ?"))
    return any(pattern.fullmatch(" ".join(printed.split())) for printed in output.splitlines())


async def typed(line: str, directory: Path) -> str:
    """Return what a command prints; it must succeed."""
    name, *arguments = shlex.split(line)
    if name == ".venv/bin/box-office":  # in this process, which has loaded it already
        ran = await run(*arguments)
        assert ran.exit_code == 0, f"$ {line}\n{ran}"
        return ran.stdout
    process = await asyncio.create_subprocess_shell(
        line.replace(".venv/bin/", f"{Path(sys.executable).parent}/"),
        cwd=directory,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, f"$ {line}\n{output.decode()}"
    return output.decode()


async def test_every_command_of_the_pages_does_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_up(tmp_path / "data", ports_in_a_row()) as up:
        for name, value in up.environment.items():
            monkeypatch.setenv(name, value)
        for page, text in PAGES.items():
            if page in WITH_CHANGES:
                continue  # its commands need its changes: see below
            for command in commands(text.replace(".data/", f"{tmp_path}/data/")):
                output = await typed(command.line, ROOT)
                missing = [line for line in command.expected if not is_printed(line, output)]
                assert missing == [], f"{page.name}: $ {command.line}\n{output}"


def changed_copy(page: Path, directory: Path) -> tuple[Path, Path]:
    """Copy the project, and write the changes of a page beside it."""
    copy, changes = directory / "copy", directory / "changes.diff"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "histories"))
    changes.write_text("".join(DIFF.findall(PAGES[page])))
    return copy, changes


@pytest.mark.parametrize("page", WITH_CHANGES, ids=lambda page: page.stem)
async def test_the_changes_of_a_page_fit_the_code_and_pass_its_tests(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, changes = changed_copy(page, tmp_path)
    await typed(f"patch --strip=1 --no-backup-if-mismatch --input={changes}", copy)
    monkeypatch.setenv("PYTHONPATH", str(copy))  # before the project's own directory
    for command in commands(PAGES[page]):
        output = await typed(command.line, copy)
        assert all(is_printed(line, output) for line in command.expected), output


def test_every_path_that_the_pages_name_exists() -> None:
    named = {path for text in PAGES.values() for path in re.findall(r"`(tests/[\w/.]+)`", text)}
    new = {path for text in PAGES.values() for path in re.findall(r"^\+\+\+ b/(\S+)", text, re.M)}
    assert named
    assert {path for path in named - new if not (ROOT / path).exists()} == set()


def test_a_line_is_recognised_whatever_the_time_and_a_wrong_one_is_not() -> None:
    output = "  1  2026-11-28 18:17:39  BookingPlaced   {}\nann-1 is confirmed: 10.00 EUR\n"
    assert is_printed("1 2030-01-01 00:00:00 BookingPlaced ...", output)
    assert is_printed("ann-1 is confirmed ...", output)
    assert not is_printed("1 2030-01-01 00:00:00 BookingPaid ...", output)
    assert not is_printed("ann-1 is denied ...", output)


def test_commands_are_found_with_what_they_print() -> None:
    page = "text\n\n    ```console\n    $ a b\n    one\n    $ c\n    ```\n\n```text\n$ d\n```\n"
    assert list(commands(page)) == [Command("a b", ("one",)), Command("c", ())]
