"""docs/hard-cases.md names a test for each case, or says why there is none."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CASES = {*range(1, 6), *range(7, 22), 39, 40, *range(44, 50)}
ROW = re.compile(r"^\| H(\d+) .*? \| (.*?) \| ?(.*?) ?\|$", re.MULTILINE)


def test_every_case_is_listed_and_its_tests_exist() -> None:
    rows = ROW.findall((ROOT / "docs" / "hard-cases.md").read_text())
    sources = "\n".join(
        file.read_text() for file in (ROOT / "tests").rglob("test_*.py") if file != Path(__file__)
    )
    written = set(re.findall(r"def (test_\w+)\(", sources))

    assert {int(case) for case, _, _ in rows} == CASES
    for case, what, tests in rows:
        named = re.findall(r"`(test_\w+)`", tests)
        assert named or what.startswith("does not apply: "), f"H{case} names no test"
        assert written.issuperset(named), f"H{case}: {set(named) - written} does not exist"
        assert all(f"_h{case}_" in each for each in named), f"H{case}: a test is not named after it"
