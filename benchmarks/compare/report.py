"""The comparison's document and its plots, made from one run's figures and a template."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.compare import plots
from benchmarks.compare.coordination import CHANGES, CHANGES_FIT, ROOT
from benchmarks.compare.tables import CHANGES as CHANGED
from benchmarks.compare.tables import COLUMNS, tables
from benchmarks.compare.verdicts import EVEN_WITHIN, NAMES, SIDES, Axis, Result, axes, leader

TEMPLATE = Path(__file__).with_name("contrast_template.md")
DOCS = ROOT / "docs"
DOCUMENT = "contrast.md"
SIZES = ("steady", "burst", "due", "down", "interrupted", "concerts")
SUMMARY = {
    "latency": "Answers",
    "throughput": "Bookings a second",
    "deadlines": "Deadlines, if the choreography polls every 30 s",
    "deadlines, fast": "Deadlines, if it polls every second",
    "cost": "Postgres",
    "resilience": "Recovery",
    "code": "Code",
    "changes": "Changes",
}
QUICK = (
    "**The run was a quick one** (`QUICK=1`): few bookings and short windows. It shows that "
    "everything works; its factors are rough, and the advice at the end rests on a complete run."
)


def write(result: Result, into: Path = DOCS) -> list[Path]:
    """Write the plots and the document; return their files."""
    (into / "plots").mkdir(parents=True, exist_ok=True)
    texts = {f"plots/{name}.svg": plot for name, plot in _plots(result).items()}
    texts[DOCUMENT] = document(result)
    for name, text in texts.items():
        (into / name).write_text(text)
    return [into / name for name in texts]


def document(result: Result) -> str:
    """Return the filled template; a place without content is an error."""
    content = _content(result)
    return re.sub(r"\{\{([\w-]+)\}\}", lambda found: content[found[1]], TEMPLATE.read_text())


def _content(result: Result) -> dict[str, str]:
    sizes = result["sizes"]
    return {
        "quick": QUICK if result["quick"] else "The run was a complete one.",
        "summary": "\n".join(f"* {sentence}" for sentence in _summary(result)),
        "even": str(EVEN_WITHIN),
        "tally": _tally([axis for group in axes(result).values() for axis in group]),
        "seed": str(result["seed"]),
        **{name: f"{sizes[name]:,}" for name in SIZES},
        "steady_every": f"{1000 * sizes['steady_every']:.0f}",
        "trickle_every": f"{1000 * sizes['trickle_every']:.0f}",
        "cores": result["machine"]["machine"].split(",")[0],
        "revision": result["machine"]["revision"],
        **tables(result),
        "changes_fit": CHANGES_FIT,
        "patches": "\n\n".join(_patches()),
    }


def _summary(result: Result) -> Iterator[str]:
    yield f"**Invariants**: {_invariants(result)}"
    compared = axes(result)
    for subject, heading in SUMMARY.items():
        yield f"**{heading}**: {_in_short(compared[subject])}"
    cost = result["sides"]["orchestrated"]["cost"]
    yield (
        f"**Temporal**: a settled booking costs the orchestration {cost['actions']:g} Actions and "
        f"a history of {cost['history_events']:g} events ({cost['history_bytes']:,} bytes). The "
        "choreography has no such cost."
    )


def _invariants(result: Result) -> str:
    broken = {name: result["sides"][name]["faults"]["violations"] for name in SIDES}
    work = result["sides"]["orchestrated"]["faults"]
    if not any(broken.values()):
        return (
            f"both sides kept all of them. Each side had {work['bookings']} bookings, "
            f"{work['kills']} kills and a failing provider."
        )
    return "; ".join(
        f"the {NAMES[name]} broke {len(found)} ({', '.join(found[:3])})"
        for name, found in broken.items()
        if found
    )


def _in_short(group: Sequence[Axis]) -> str:
    ahead = leader(group)
    if ahead == "even":
        return "neither side is ahead on more of the figures than the other."
    led = [axis for axis in group if axis.ahead == ahead]
    most = max(led, key=lambda axis: axis.factor)
    left, right = most.values
    what = most.what[0].lower() + most.what[1:]
    return (
        f"the {NAMES[ahead]} is ahead on {len(led)} of {len(group)} figures, most of all on "
        f"“{what}”: {most.times} ({left} and {right})."
    )


def _tally(everything: Sequence[Axis]) -> str:
    count = {side: sum(axis.ahead == side for axis in everything) for side in (*SIDES, "even")}
    return (
        f"Of {len(everything)} figures the orchestration is ahead on {count['orchestrated']}, the "
        f"choreography on {count['choreographed']}; {count['even']} are even. The figures do not "
        "weigh the same for everybody."
    )


def _patches() -> Iterator[str]:
    """Yield each patch as a block that a reader unfolds."""
    both = "for both sides: the service and its scenario"
    places = {"shared": both} | {side: f"in the {NAMES[side]}" for side in SIDES}
    for change, what in CHANGED.items():
        for side, where in places.items():
            file = CHANGES / f"{change}-{side}.patch"
            if file.exists():
                yield (
                    f"<details>\n<summary>{what[0].upper()}{what[1:]}, {where}</summary>\n\n"
                    f"```diff\n{file.read_text()}```\n\n</details>"
                )


def _plots(result: Result) -> dict[str, str]:
    latency = {
        axis.what: {"orchestration": axis.orchestrated, "choreography": axis.choreographed}
        for axis in axes(result)["latency"]
    }
    curves = {label: result["sides"][name]["due"]["curve"] for name, label in COLUMNS.items()}
    title = f"Seats free after {result['sizes']['due']:,} deadlines in one second"
    return {
        "latency": plots.bars("Latency", "ms", latency),
        "deadlines": plots.curves(title, "s", curves),
    }
