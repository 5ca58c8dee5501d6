"""The document says what the figures say, whatever they are."""

import json
from copy import deepcopy
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks.compare import plots, report, verdicts
from benchmarks.compare.__main__ import RESULT
from benchmarks.compare.coordination import CHANGES
from benchmarks.compare.measure import spread
from benchmarks.compare.verdicts import Axis

Result = dict[str, Any]


@pytest.fixture
def result() -> Result:
    found: Result = json.loads(RESULT.read_text())
    return found


def test_the_document_is_what_the_kept_run_makes_of_the_template(result: Result) -> None:
    """If not: `make compare`, or `make compare ARGS=--document` if only words have changed."""
    assert (report.DOCS / report.DOCUMENT).read_text() == report.document(result)


def test_the_kept_run_broke_no_invariant(result: Result) -> None:
    assert verdicts.violations(result) == []


def test_the_advice_of_the_document_follows_from_the_kept_run(result: Result) -> None:
    """If not: "When to choose which" in the template has to change."""
    leaders = {name: verdicts.leader(group) for name, group in verdicts.axes(result).items()}
    orchestrated = {name for name, side in leaders.items() if side == "orchestrated"}
    choreographed = {name for name, side in leaders.items() if side == "choreographed"}
    assert orchestrated == {"deadlines", "cost", "idle"}
    assert choreographed == {
        *("latency", "deadlines, fast", "throughput", "resilience", "code", "changes")
    }


def test_every_change_can_be_unfolded(result: Result) -> None:
    document = report.document(result)
    patches = list(CHANGES.glob("*.patch"))
    assert document.count("<details>") == len(patches) > 0
    assert all(f"```diff\n{patch.read_text()}```" in document for patch in patches)


def test_a_figure_that_nobody_has_is_left_out(result: Result) -> None:
    result["sides"]["choreographed"]["recovery"]["later"] = {"count": 0}
    figures = [axis.what for axis in verdicts.axes(result)["resilience"]]
    assert len(figures) == 2
    assert "| half of them waited | 129 ms | nobody |" in report.document(result)


def test_other_figures_turn_the_verdict(result: Result) -> None:
    turned = deepcopy(result)
    sides = turned["sides"]
    sides["orchestrated"], sides["choreographed"] = sides["choreographed"], sides["orchestrated"]
    before, after = (verdicts.axes(run)["throughput"] for run in (result, turned))
    opposite = {"orchestrated": "choreographed", "choreographed": "orchestrated", "even": "even"}
    assert [axis.ahead for axis in after] == [opposite[axis.ahead] for axis in before]


def test_a_broken_invariant_is_in_the_document_and_among_the_violations(result: Result) -> None:
    result["sides"]["choreographed"]["faults"]["violations"] = ["faults-1: no end"]
    assert verdicts.violations(result) == ["choreographed: faults-1: no end"]
    assert "the choreography broke 1 (faults-1: no end)" in report.document(result)


def test_seats_that_stay_after_the_deadline_are_a_violation(result: Result) -> None:
    due = result["sides"]["orchestrated"]["due"]
    due["freed"] = due["bookings"] - 2
    assert verdicts.violations(result) == ["orchestrated: 2 bookings kept their seats"]


@pytest.mark.parametrize(
    ("left", "right", "unit", "ahead"),
    [
        (100, 200, "ms", "orchestrated"),
        (200, 100, "ms", "choreographed"),
        (100, 200, "/s", "choreographed"),
        (100, 120, "ms", "even"),
        (0, 0, "ms", "even"),
        (0, 5, "ms", "orchestrated"),
    ],
)
def test_less_is_ahead_but_for_rates(left: float, right: float, unit: str, ahead: str) -> None:
    assert Axis("Something", left, right, unit).ahead == ahead


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
