"""Makes docs/contrast.md and its plots out of one run's figures, by a template."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.compare import plots, tables, verdicts
from benchmarks.compare.coordination import CHANGES, ROOT
from benchmarks.compare.verdicts import EVEN_WITHIN, NAMES, SIDES, Ahead, Axis, Result, leader

TEMPLATE = Path(__file__).parent / "contrast_template.md"
DOCS = ROOT / "docs"
DOCUMENT = "contrast.md"
LABELS = {
    "orchestrated": "orchestration",
    "choreographed": "choreography, 30 s",
    "choreographed_fast_poll": "choreography, 1 s",
}

# What follows for whoever cares for a subject, by who is ahead on it.
WHO_CARES: dict[str, dict[Ahead, str]] = {
    "latency": {
        "orchestrated": "answers have to come fast",
        "choreographed": "answers have to come fast, and there is no time for another server's "
        "round trips",
    },
    "deadlines": {
        "orchestrated": "seats have to come free when the deadline passes, and nobody is to ask "
        "for it all the time",
        "choreographed": "deadlines may wait for a look every 30 s",
    },
    "deadlines, fast": {
        "orchestrated": "seats have to come free at once, and asking every second is too slow",
        "choreographed": "seats have to come free within a second or two, and asking every second "
        "is no trouble",
    },
    "throughput": {
        "orchestrated": "the machine has to settle as many bookings as it can",
        "choreographed": "one small machine has to settle as many bookings as it can",
    },
    "cost": {
        "orchestrated": "the database is what is scarce",
        "choreographed": "what is stored and sent for a booking is what is scarce",
    },
    "idle": {
        "orchestrated": "the database should rest when nothing happens",
        "choreographed": "nothing should be asked while nothing happens",
    },
    "resilience": {
        "orchestrated": "processes get killed, and nobody may wait long",
        "choreographed": "processes get killed, and nobody may wait long",
    },
    "code": {
        "orchestrated": "less code is to be read before a step is changed",
        "choreographed": "the least code is to be owned, and steps may be spread over it",
    },
    "changes": {
        "orchestrated": "steps are added often",
        "choreographed": "steps are added often, and small",
    },
}
# What no figure decides.
ALWAYS: dict[Ahead, str] = {
    "orchestrated": "somebody has to read the whole process in one place, or to see where one "
    "booking is and why (the Web UI shows each)",
    "choreographed": "there is to be no server besides Postgres, or a step is to be added "
    "without a thought about the bookings in flight",
}


def write(result: Result, into: Path = DOCS) -> list[Path]:
    """The plots and the document; the files that were written."""
    (into / "plots").mkdir(parents=True, exist_ok=True)
    texts = {f"plots/{name}.svg": plot for name, plot in _plots(result).items()}
    texts[DOCUMENT] = document(result)
    for name, text in texts.items():
        (into / name).write_text(text)
    return [into / name for name in texts]


def document(result: Result) -> str:
    """The template, filled; a place without content is an error."""
    content = _content(result)
    return re.sub(r"\{\{([\w-]+)\}\}", lambda found: content[found[1]], TEMPLATE.read_text())


def _content(result: Result) -> dict[str, str]:
    compared = verdicts.axes(result)
    everything = [axis for group in compared.values() for axis in group]
    sizes = result["sizes"]
    return {
        "quick": _quick(result),
        "environment": tables.environment(result),
        "summary": "\n".join(f"* {each}" for each in _summary(result, compared)),
        "even": str(EVEN_WITHIN),
        "scoreboard": "\n".join(f"| {' | '.join(axis.row)} |" for axis in everything),
        "tally": _tally(everything),
        "seed": str(result["seed"]),
        **{name: f"{sizes[name]:,}" for name in ("steady", "burst", "due", "down", "interrupted")},
        "steady_every": f"{1000 * sizes['steady_every']:.0f}",
        "trickle_every": f"{1000 * sizes['trickle_every']:.0f}",
        "cores": result["machine"]["machine"].split(",")[0],
        **tables.tables(result),
        **{f"{name}_words": _sentence(_in_short(group)) for name, group in compared.items()},
        "due_words": _due_words(result, compared),
        "recovery_words": _sentence(_in_short(compared["resilience"])),
        "away_words": _away_words(result),
        "faults_words": _faults_words(result),
        "for_whom": _for_whom(compared),
        **{file.stem: file.read_text() for file in CHANGES.glob("*.patch")},
    }


def _quick(result: Result) -> str:
    if not result["quick"]:
        return "The run was a complete one."
    return (
        "\n**The run was a quick one** (`QUICK=1`): few bookings, short windows. It shows that "
        "everything works; its factors are rough."
    )


def _summary(result: Result, compared: dict[str, list[Axis]]) -> Iterator[str]:
    yield _faults_words(result)
    for subject, says in (
        ("latency", "Answers"),
        ("throughput", "Bookings a second"),
        ("deadlines", "Deadlines, if the choreography asks every 30 s"),
        ("deadlines, fast", "Deadlines, if it asks every second"),
        ("cost", "Postgres"),
        ("resilience", "Recovery"),
        ("code", "Code"),
        ("changes", "Changes"),
    ):
        yield f"**{says}**: {_in_short(compared[subject])}"
    cost = result["sides"]["orchestrated"]["cost"]
    yield (
        f"**On top**, the orchestration spends {cost['actions']:g} Actions and a history of "
        f"{cost['history_events']:g} events ({cost['history_bytes']:,} bytes) in Temporal for a "
        "settled booking; the choreography nothing of the kind."
    )


def _in_short(group: Sequence[Axis]) -> str:
    ahead = leader(group)
    if len(group) == 1:
        return group[0].sentence()
    if ahead == "even":
        return "neither side is ahead on more of the figures than the other."
    count = sum(each.ahead == ahead for each in group)
    most = max((each for each in group if each.ahead == ahead), key=lambda each: each.factor)
    return (
        f"{NAMES[ahead]} is ahead on {count} of {len(group)} figures, most of all: {most.brief()}"
    )


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]


def _due_words(result: Result, compared: dict[str, list[Axis]]) -> str:
    asks = [
        result["sides"][name]["idle"]["statements_per_minute"]
        for name in ("choreographed", "choreographed_fast_poll")
    ]
    return (
        f"If the choreography asks every 30 s, {_in_short(compared['deadlines'])} If it asks every "
        f"second, {_in_short(compared['deadlines, fast'])} Asking every second makes "
        f"{asks[1]:,} statements a minute out of {asks[0]:,} while nothing happens."
    )


def _tally(everything: Sequence[Axis]) -> str:
    count = {side: sum(each.ahead == side for each in everything) for side in (*SIDES, "even")}
    return (
        f"Of {len(everything)} figures the orchestration is ahead on {count['orchestrated']}, the "
        f"choreography on {count['choreographed']}; {count['even']} are even. They do not weigh "
        "the same for everybody."
    )


def _away_words(result: Result) -> str:
    lines = []
    for name in SIDES:
        for key, what in (("without_ours", "our processes"), ("without_temporal", "Temporal")):
            if figures := result["sides"][name].get(key):
                lines.append(f"* {_of_away(LABELS[name].split(',')[0], what, figures)}")
    return "\n".join(lines)


def _of_away(who: str, what: str, figures: Result) -> str:
    front, log = figures["front_door"], figures["log_door"]
    answers = (
        "every client at the front door got its answer, late"
        if front["answered"] == front["placed"]
        else f"{front['errors']} of {front['placed']} clients at the front door got an error; all "
        f"but {front['lost']} have their answer after asking the same again"
    )
    lost = "none was lost" if not log["lost"] else f"{log['lost']} were LOST"
    return (
        f"{who}, without {what}: {answers}. Of {log['placed']} bookings through the log "
        f"{log['accepted']} were accepted, and {lost}."
    )


def _faults_words(result: Result) -> str:
    broken = {name: result["sides"][name]["faults"]["violations"] for name in SIDES}
    told = result["sides"]["orchestrated"]["faults"]
    work = f"{told['bookings']} bookings, {told['kills']} kills, a failing provider"
    if not any(broken.values()):
        return f"**Invariants**: both sides kept all of them ({work} for each)."
    return "**Invariants**: " + "; ".join(
        f"{NAMES[name]} broke {len(found)} ({', '.join(found[:3])})"
        for name, found in broken.items()
        if found
    )


def _for_whom(compared: dict[str, list[Axis]]) -> str:
    lines = []
    for side in SIDES:
        reasons = [
            WHO_CARES[subject][side] for subject, group in compared.items() if leader(group) == side
        ]
        lines.append(f"By these figures {NAMES[side]} is right if")
        lines += ["", *(f"* {each};" for each in [*reasons, ALWAYS[side]]), ""]
    even = [subject for subject, group in compared.items() if leader(group) == "even"]
    if even:
        lines.append(f"Neither side is ahead on: {', '.join(even)}.")
    return "\n".join(lines).strip()


def _plots(result: Result) -> dict[str, str]:
    sides = result["sides"]
    latency = {
        f"{what}, {situation}, {quantile}": {
            LABELS[name].split(",")[0]: sides[name]["latency"][situation][key][quantile]
            for name in SIDES
        }
        for what, key in (("decision", "place_to_decision"), ("settled", "payment_to_settled"))
        for situation in ("steady", "burst")
        for quantile in ("p50", "p99")
    }
    curves = {LABELS[name]: figures["due"]["curve"] for name, figures in sides.items()}
    return {
        "latency": plots.bars("Latency", "ms", latency),
        "deadlines": plots.curves(
            f"Seats free after {result['sizes']['due']:,} deadlines in one second",
            "s",
            curves,
        ),
    }
