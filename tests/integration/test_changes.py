"""The changes that docs/contrast.md shows: they fit the code as it is, and do what they say."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHANGES = ROOT / "benchmarks" / "changes"
FRAUD_CHECK = ("fraud-check-shared", "fraud-check-orchestrated", "fraud-check-choreographed")
IN_THE_CODE = (
    "reminder-orchestrated",
    "reminder-choreographed",
    "late-payment-orchestrated",
    "late-payment-choreographed",
)
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "docs", "*.egg-info")


def _run(where: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)


def _apply(where: Path, changes: Sequence[str], *options: str) -> None:
    for change in changes:
        applied = _run(where, "git", "apply", *options, str(CHANGES / f"{change}.patch"))
        assert applied.returncode == 0, f"{change}: {applied.stderr}"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The code, and a repository of its own: inside another one, git would look there."""
    where = tmp_path / "copy"
    shutil.copytree(ROOT, where, ignore=NOT_COPIED)
    assert _run(where, "git", "init", "-q").returncode == 0
    return where


def test_every_change_is_looked_at() -> None:
    assert {each.stem for each in CHANGES.glob("*.patch")} == {*FRAUD_CHECK, *IN_THE_CODE}


@pytest.mark.parametrize("change", IN_THE_CODE)
def test_a_change_that_is_in_the_code_can_be_taken_out_and_put_back(
    copy: Path, change: str
) -> None:
    _apply(copy, [change], "--reverse")
    _apply(copy, [change])


@pytest.mark.temporal
@pytest.mark.timeout(240)
def test_the_fraud_check_fits_passes_the_types_and_works_on_both_sides(copy: Path) -> None:
    _apply(copy, FRAUD_CHECK)
    packages = ("activities", "choreography", "entrypoints", "ticketing", "workflows")

    typed = _run(copy, sys.executable, "-m", "mypy", *packages)
    ran = _run(copy, sys.executable, "-m", "pytest", "-q", "tests/scenarios/test_fraud_check.py")

    assert typed.returncode == 0, typed.stdout
    assert ran.returncode == 0, ran.stdout
    assert "4 passed" in ran.stdout


def test_a_patch_that_does_not_fit_is_noticed(copy: Path) -> None:
    with pytest.raises(AssertionError, match="does not apply"):
        _apply(copy, ["reminder-orchestrated"])
