"""The document says what the figures say, whatever they are."""

import json
from copy import deepcopy
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks.compare import plots, report, verdicts
from benchmarks.compare.__main__ import RESULT
from benchmarks.compare.measure import spread
from benchmarks.compare.verdicts import Axis

Result = dict[str, Any]


@pytest.fixture
def result() -> Result:
    """The run that the repository keeps."""
    found: Result = json.loads(RESULT.read_text())
    return found


def test_the_document_is_what_the_kept_run_makes_of_the_template(result: Result) -> None:
    """Else: make compare, or `make compare ARGS=--document` if only words have changed."""
    assert (report.DOCS / report.DOCUMENT).read_text() == report.document(result)


def test_the_kept_run_broke_no_invariant(result: Result) -> None:
    assert verdicts.violations(result) == []


def test_other_figures_turn_the_verdict(result: Result) -> None:
    turned = deepcopy(result)
    sides = turned["sides"]
    sides["orchestrated"], sides["choreographed"] = sides["choreographed"], sides["orchestrated"]
    before, after = (verdicts.axes(each)["throughput"] for each in (result, turned))
    opposite = {"orchestrated": "choreographed", "choreographed": "orchestrated", "even": "even"}
    assert [each.ahead for each in after] == [opposite[each.ahead] for each in before]


def test_a_broken_invariant_is_in_the_document_and_among_the_violations(result: Result) -> None:
    result["sides"]["choreographed"]["faults"]["violations"] = ["faults-1: no end"]
    assert verdicts.violations(result) == ["choreographed: faults-1: no end"]
    assert "the choreography broke 1 (faults-1: no end)" in report.document(result)


def test_seats_that_stay_after_the_deadline_are_a_violation(result: Result) -> None:
    due = result["sides"]["orchestrated"]["due"]
    due["freed"] = due["bookings"] - 2
    assert verdicts.violations(result) == ["orchestrated: 2 bookings kept their seats"]


@pytest.mark.parametrize(
    ("left", "right", "more_is_better", "ahead"),
    [
        (100, 200, False, "orchestrated"),
        (200, 100, False, "choreographed"),
        (100, 200, True, "choreographed"),
        (100, 120, False, "even"),
        (0, 0, False, "even"),
        (0, 5, False, "orchestrated"),
    ],
)
def test_who_is_ahead(left: float, right: float, more_is_better: bool, ahead: str) -> None:
    axis = Axis("Something", left, right, more_is_better=more_is_better)
    assert axis.ahead == ahead


def test_a_spread_is_in_milliseconds() -> None:
    assert spread([number / 100 for number in range(101)])["p95"] == 950
    assert spread([0.25])["p99"] == 250
    assert spread([]) == {"count": 0}


def test_plots_are_xml_and_show_every_series() -> None:
    bars = plots.bars("Title", "ms", {"a < b": {"one": 3, "two": 2000}})
    curves = plots.curves("Title", "s", {"one": [0.1, 2], "two": [0, 31]})
    for plot in (bars, curves):
        ElementTree.fromstring(plot)
        assert "one" in plot
        assert "two" in plot
    assert "a &lt; b" in bars
