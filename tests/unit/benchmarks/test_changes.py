"""The patches that docs/contrast.md shows apply to the commit that it names."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks.compare.coordination import CHANGES, CHANGES_FIT, ROOT

PATCHES = sorted(patch.stem for patch in CHANGES.glob("*.patch"))
IN_THE_CODE = tuple(change for change in PATCHES if not change.startswith("fraud-check"))


def git(index: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ("git", *arguments),
        cwd=ROOT,
        env={**os.environ, "GIT_INDEX_FILE": str(index)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """An index of its own that holds the files of that commit."""
    index = tmp_path / "index"
    if not shutil.which("git") or git(index, "read-tree", CHANGES_FIT).returncode:
        pytest.skip(f"there is no git here, or a shallow clone without commit {CHANGES_FIT}")
    return index


def check(index: Path, change: str, *options: str) -> subprocess.CompletedProcess[str]:
    return git(index, "apply", "--cached", "--check", *options, str(CHANGES / f"{change}.patch"))


@pytest.mark.parametrize("change", PATCHES)
def test_a_change_applies_in_reverse_if_the_commit_holds_it(index: Path, change: str) -> None:
    options = ("--reverse",) if change in IN_THE_CODE else ()
    applied = check(index, change, *options)
    assert applied.returncode == 0, applied.stderr


@pytest.mark.parametrize("change", IN_THE_CODE)
def test_a_change_that_the_commit_holds_does_not_apply_again(index: Path, change: str) -> None:
    assert "patch does not apply" in check(index, change).stderr
