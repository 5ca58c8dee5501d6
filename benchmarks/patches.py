"""The changes that docs/contrast.md shows, as patches: benchmarks/changes/.

`python -m benchmarks.patches` makes them fit again after the code around them has changed. One
whose own lines have changed is named, and has to be edited by hand.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.coordination import CHANGES, ROOT

# In the code already: the patch is what would bring it back.
IN_THE_CODE = (
    "reminder-orchestrated",
    "reminder-choreographed",
    "late-payment-orchestrated",
    "late-payment-choreographed",
)
# Each on top of the one before.
FRAUD_CHECK = ("fraud-check-shared", "fraud-check-orchestrated", "fraud-check-choreographed")

NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "docs", "*.egg-info")
AS_NOBODY = ("-c", "user.name=nobody", "-c", "user.email=nobody@localhost")
BACKWARDS = ("-R", "--src-prefix=b/", "--dst-prefix=a/")  # it also swaps the prefixes
LOOSER = ("-C3", "-C2", "-C1")  # lines of context that have to fit


class DoesNotFit(Exception):
    """A patch does not fit the code; the message names it and says where."""


def copy_of_the_code(where: Path) -> None:
    """The code in a repository of its own: inside another one, git would look there."""
    shutil.copytree(ROOT, where, ignore=NOT_COPIED)
    _git(where, "init", "-q")
    _commit(where)


def apply(where: Path, change: str, *options: str) -> None:
    """Apply one of the patches to a copy.

    Raises:
        DoesNotFit: it does not.
    """
    applied = _git(where, "apply", *options, str(CHANGES / f"{change}.patch"))
    if applied.returncode != 0:
        raise DoesNotFit(f"{change}: {applied.stderr}")


def refit(where: Path) -> Iterator[tuple[str, str]]:
    """Every patch by its name, as it fits the copy."""
    _commit(where)
    for change in IN_THE_CODE:
        _apply_somehow(where, change, "--reverse")
        yield change, _difference(where, *BACKWARDS)
        _git(where, "reset", "-q", "--hard")
    for change in FRAUD_CHECK:
        _apply_somehow(where, change)
        yield change, _difference(where)
        _commit(where)


def _apply_somehow(where: Path, change: str, *options: str) -> None:
    for context in LOOSER:
        with suppress(DoesNotFit):
            apply(where, change, context, *options)
            return
    apply(where, change, *options)


def _difference(where: Path, *options: str) -> str:
    _git(where, "add", "-A")
    lines = _git(where, "diff", "--cached", *options).stdout.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("index "))


def _commit(where: Path) -> None:
    _git(where, "add", "-A")
    _git(where, *AS_NOBODY, "commit", "-q", "-m", "as it is")


def _git(where: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # no input of anybody's
        ("git", *arguments),  # noqa: S607  # wherever git is
        cwd=where,
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def _copy() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="box-office-") as parent:
        where = Path(parent) / "copy"
        copy_of_the_code(where)
        yield where


def main() -> None:
    with _copy() as where:
        try:
            for change, text in refit(where):
                file = CHANGES / f"{change}.patch"
                state = "fits" if file.read_text() == text else "written again"
                file.write_text(text)
                print(f"{change}: {state}")
        except DoesNotFit as error:
            sys.exit(f"{error}\nEdit it by hand, then run this again.")


if __name__ == "__main__":
    main()
