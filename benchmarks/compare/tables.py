"""The tables of the document."""

from collections.abc import Sequence
from typing import Any

from benchmarks.compare.measure import LOOKS
from benchmarks.compare.verdicts import FAST_POLL, NAMES, SIDES, Result, axes, figure

COLUMNS = {
    "orchestrated": "orchestration",
    "choreographed": "choreography, polls every 30 s",
    FAST_POLL: "choreography, polls every 1 s",
}
METRICS = {
    "place_to_decision": "place to decision",
    "payment_to_settled": "payment to settled",
    "deadline_to_free": "deadline to seats free",
}
QUANTILES = ("p50", "p95", "p99", "max")
THROUGHPUT = {
    "settled bookings/s, one concert": "throughput.one_concert",
    "settled bookings/s, many concerts": "throughput.many_concerts",
}
COST = {
    "statements to Postgres that it causes": "cost.statements",
    "rows stored in Postgres": "cost.rows",
    "bytes of those rows": "cost.bytes",
    "bytes of write-ahead log": "cost.wal_bytes",
    "Actions": "cost.actions",
    "events in Temporal's histories": "cost.history_events",
    "bytes of those histories": "cost.history_bytes",
}
STATEMENTS = {
    "entities loaded, to decide": ("loads",),
    "events appended": ("appends",),
    "entities read": ("reads",),
    "seats reserved, held, released": ("seats",),
    "views": ("views",),
    "mail marked, and marked as sent": ("mail",),
    "the provider's notice": ("notices",),
    "checkpoints moved, parked streams asked for": ("checkpoints",),
    "`BEGIN` and `COMMIT`": ("transactions",),
    "consumers woken": ("doorbell",),
    "anything else": ("other",),
    "*meanwhile*: queries for events, for work, for other members": LOOKS,
}
IDLE = {
    "statements to Postgres a minute": "idle.statements_per_minute",
    "polls of Temporal's task queues a minute": "idle.temporal_polls_per_minute",
}
RECOVERY = {
    "bookings under way at the kill": "recovery.interrupted.count",
    "half of them decided after": "recovery.interrupted.p50",
    "the last of them decided after": "recovery.interrupted.max",
    "customers who came later": "recovery.later.count",
    "half of them waited": "recovery.later.p50",
    "the longest wait": "recovery.later.max",
}
OUTAGES = {"without_ours": "our processes", "without_temporal": "Temporal"}
FAULTS = {
    "bookings": "faults.bookings",
    "kills": "faults.kills",
    "provider faults met": "faults.provider_faults",
    "captures that clients repeated": "faults.repeated_captures",
    "requests that clients repeated": "faults.repeated_requests",
    "slices taken by a consumer": "faults.slices_taken_over",
    "seconds until every booking had ended": "faults.seconds_until_quiet",
}
CHANGES = {
    "reminder": "the reminder",
    "late-payment": "late payments are reinstated",
    "fraud-check": "a fraud check before the confirmation",
}


def tables(result: Result) -> dict[str, str]:
    """Return every table by the name of its place in the template."""
    return {
        "environment": _environment(result),
        "scoreboard": _scoreboard(result),
        "latency": _latency(result),
        "due_table": _due(result),
        "throughput": _side_by_side(result, THROUGHPUT),
        "cost": _side_by_side(result, COST),
        "statements": _statements(result),
        "idle": _side_by_side(result, IDLE, COLUMNS),
        "recovery": _side_by_side(result, RECOVERY),
        "away": _away(result),
        "faults": _faults(result),
        "code": _code(result),
        "changes": _changes(result),
    }


def _environment(result: Result) -> str:
    took = f"{result['took_seconds'] / 60:.1f} minutes"
    rows = {"taken": result["taken_at"], "took": took, "seed": result["seed"], **result["machine"]}
    return _table(("", ""), list(rows.items()))


def _scoreboard(result: Result) -> str:
    rows = []
    for axis in (axis for group in axes(result).values() for axis in group):
        ahead = "even" if axis.ahead == "even" else f"the {NAMES[axis.ahead]}, {axis.times}"
        rows.append((axis.what, *axis.values, ahead))
    return _table(("", *NAMES.values(), "ahead"), rows)


def _latency(result: Result) -> str:
    rows = []
    for key, metric in METRICS.items():
        for load in ("steady", "burst"):
            for name, label in COLUMNS.items():
                spread = result["sides"][name]["latency"][load][key]
                if spread["count"]:
                    rows.append((f"{metric}, {load}", label, spread["count"], *_quantiles(spread)))
    return _table(("", "side", "count", *QUANTILES), rows)


def _due(result: Result) -> str:
    rows = []
    for name, label in COLUMNS.items():
        due = result["sides"][name]["due"]
        counts = (due["bookings"], due["freed"], due["deadlines_within_seconds"])
        rows.append((label, *counts, *_quantiles(due["lateness"])))
    return _table(("side", "bookings", "freed", "deadlines within s", *QUANTILES), rows)


def _statements(result: Result) -> str:
    sent = [result["sides"][name]["cost"]["by_purpose"] for name in SIDES]
    rows = [
        (label, *(f"{sum(counts.get(name, 0) for name in names):.1f}" for counts in sent))
        for label, names in STATEMENTS.items()
    ]
    return _table(("statements per settled booking", *NAMES.values()), rows)


def _away(result: Result) -> str:
    rows = []
    for name in SIDES:
        for key, down in OUTAGES.items():
            if not (figures := result["sides"][name].get(key)):
                continue
            front, log = figures["front_door"], figures["log_door"]
            after = log["decided_after_return"]
            rows.append(
                (
                    NAMES[name],
                    down,
                    f"{front['answered']} of {front['placed']}",
                    front["errors"],
                    f"{log['accepted']} of {log['placed']}",
                    log["lost"] + front["lost"],
                    _ms(after["p50"]),
                    _ms(after["max"]),
                )
            )
    head = ("side", "down", "front door: answered", "errors", "log: accepted", "lost")
    return _table((*head, "decided after the return, p50", "max"), rows)


def _faults(result: Result) -> str:
    sides = [result["sides"][name]["faults"] for name in SIDES]
    rows = [
        (f"{origin}: {event}", *(side[key].get(event, 0) for side in sides))
        for key, origin in (("temporal", "in the histories"), ("in_logs", "logged"))
        for event in sorted({event for side in sides for event in side[key]})
    ]
    violations = ("**violations**", *(f"**{len(side['violations'])}**" for side in sides))
    return "\n".join((_side_by_side(result, FAULTS), *map(_row, (*rows, violations))))


def _code(result: Result) -> str:
    rows: list[tuple[object, ...]] = []
    for name in SIDES:
        code = result["code"][name]
        rows += [
            (NAMES[name], part["what"], part["files"], part["lines"]) for part in code["parts"]
        ]
        found = ", ".join(f"{count} {kind}" for kind, count in code["places"].items() if count)
        places = sum(code["places"].values())
        total = f"**{places} places that know the next step** ({found})"
        rows.append((NAMES[name], total, f"**{code['files']}**", f"**{code['lines']}**"))
    return _table(("side", "", "files", "lines"), rows)


def _changes(result: Result) -> str:
    rows = []
    for change, what in CHANGES.items():
        for name in SIDES:
            size = result["changes"][f"{change}-{name}"]
            files = ", ".join(f"`{file}`" for file in size["files"])
            lines = f"+{size['added']} −{size['removed']}"  # noqa: RUF001  # a minus sign
            rows.append((what, NAMES[name], len(size["files"]), lines, files))
    return _table(("change", "side", "files", "lines", ""), rows)


def _side_by_side(result: Result, figures: dict[str, str], columns: dict[str, str] = NAMES) -> str:
    """Return a row for each figure, which is found by its path, and a column for each side."""
    rows = [
        (label, *(_shown(figure(result, path, name), path) for name in columns))
        for label, path in figures.items()
    ]
    return _table(("", *columns.values()), rows)


def _shown(value: float | None, path: str) -> str:
    if value is None:
        return "nobody"
    return _ms(value) if path.endswith(QUANTILES) else f"{value:,}"


def _quantiles(spread: Result) -> list[str]:
    return [_ms(spread[quantile]) for quantile in QUANTILES]


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    return "\n".join((_row(head), _row(["---"] * len(head)), *map(_row, rows)))


def _row(cells: Sequence[Any]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _ms(value: float) -> str:
    return f"{value / 1000:,.1f} s" if value >= 10_000 else f"{value:,.0f} ms"
