"""The changes that docs/contrast.md shows: they fit the code as it is, and do what they say.

If one does not fit any more: `python -m benchmarks.patches`.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.coordination import CHANGES
from benchmarks.patches import (
    FRAUD_CHECK,
    IN_THE_CODE,
    DoesNotFit,
    apply,
    copy_of_the_code,
    refit,
)

PACKAGES = ("activities", "choreography", "entrypoints", "ticketing", "workflows")
RESERVE = '        self._say("the reservation of its seats", until=workflow.now() + within)\n'


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    where = tmp_path / "copy"
    copy_of_the_code(where)
    return where


def test_every_change_is_looked_at() -> None:
    assert {each.stem for each in CHANGES.glob("*.patch")} == {*FRAUD_CHECK, *IN_THE_CODE}


@pytest.mark.parametrize("change", IN_THE_CODE)
def test_a_change_that_is_in_the_code_can_be_taken_out_and_put_back(
    copy: Path, change: str
) -> None:
    apply(copy, change, "--reverse")
    apply(copy, change)


@pytest.mark.temporal
@pytest.mark.timeout(240)
def test_the_fraud_check_fits_passes_the_types_and_works_on_both_sides(copy: Path) -> None:
    for change in FRAUD_CHECK:
        apply(copy, change)

    typed = _python(copy, "mypy", *PACKAGES)
    ran = _python(copy, "pytest", "-q", "tests/scenarios/test_fraud_check.py")

    assert typed.returncode == 0, typed.stdout
    assert ran.returncode == 0, ran.stdout
    assert "4 passed" in ran.stdout


def test_a_patch_that_does_not_fit_is_noticed(copy: Path) -> None:
    with pytest.raises(DoesNotFit, match="reminder-orchestrated"):
        apply(copy, "reminder-orchestrated")


def test_a_patch_whose_surroundings_changed_is_made_to_fit_again(tmp_path: Path) -> None:
    copy_of_the_code(tmp_path / "before")
    before = dict(refit(tmp_path / "before"))
    kept = {each.stem: each.read_text() for each in CHANGES.glob("*.patch")}
    assert _changed_lines(before) == _changed_lines(kept)

    copy_of_the_code(tmp_path / "after")
    workflow = tmp_path / "after" / "workflows" / "booking.py"
    assert RESERVE in workflow.read_text()
    workflow.write_text(workflow.read_text().replace(RESERVE, f"        # changed\n{RESERVE}"))
    with pytest.raises(DoesNotFit):
        apply(tmp_path / "after", "reminder-orchestrated", "--reverse")
    assert "# changed" in dict(refit(tmp_path / "after"))["reminder-orchestrated"]


def _changed_lines(patches: dict[str, str]) -> dict[str, list[str]]:
    """Without the line numbers, which move with whatever else is written into a file."""
    return {
        name: [line for line in patch.splitlines() if not line.startswith("@@")]
        for name, patch in patches.items()
    }


def _python(where: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-m", *arguments), cwd=where, capture_output=True, text=True, check=False
    )
