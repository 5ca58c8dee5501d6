"""Every label in a test's name is a row of docs/hard-cases.md; every row has a test or a reason."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LABELS = [*(f"fault_{number}" for number in range(1, 11)), *(f"h{case}" for case in range(1, 69))]
LABEL = re.compile(r"(?:^test|_)(fault_\d+|h\d+)(?=_|$)")
ROW = re.compile(r"^\| (fault \d+|H\d+) \| .+? \| (.+?) \| ?(.*?) ?\|$", re.MULTILINE)
REASONS = ("does not apply: ", "not built yet: ")

PAGE = (ROOT / "docs" / "hard-cases.md").read_text()
ROWS = {row.lower().replace(" ", "_"): (what, tests) for row, what, tests in ROW.findall(PAGE)}
NAMED = {label: re.findall(r"`(test_\w+)`", tests) for label, (_, tests) in ROWS.items()}
WRITTEN = {
    test
    for file in (ROOT / "tests").rglob("test_*.py")
    if file != Path(__file__)
    for test in re.findall(r"def (test_\w+)\(", file.read_text())
}


def test_every_fault_and_every_case_has_its_row_in_order() -> None:
    assert list(ROWS) == LABELS


def test_every_label_in_a_tests_name_leads_to_a_row_with_that_test() -> None:
    labelled = {(label, test) for test in WRITTEN for label in LABEL.findall(test)}
    assert labelled, "no test has a label"
    missing = {(label, test) for label, test in labelled if test not in NAMED.get(label, ())}
    assert missing == set()


def test_every_test_that_a_row_names_exists() -> None:
    assert {test for tests in NAMED.values() for test in tests} - WRITTEN == set()


def test_every_row_has_a_test_or_says_why_it_has_none() -> None:
    unexplained = {
        label
        for label, (what, _) in ROWS.items()
        if bool(NAMED[label]) == what.startswith(REASONS)  # one of the two, and not both
    }
    assert unexplained == set()


def test_a_label_is_found_wherever_it_stands_in_a_name() -> None:
    assert LABEL.findall("test_fault_3_h39_a_cancel_leaks_no_seat") == ["fault_3", "h39"]
    assert LABEL.findall("test_poison_pauses_its_slice_only_fault_8") == ["fault_8"]
    assert LABEL.findall("test_a_hold_of_a_day_has_24_hours") == []
