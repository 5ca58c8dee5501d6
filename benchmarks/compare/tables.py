"""The tables of the document."""

from collections.abc import Sequence
from typing import Any

from benchmarks.compare.measure import LOOKS
from benchmarks.compare.verdicts import SIDES, Result, places

COLUMNS = {
    "orchestrated": "orchestration",
    "choreographed": "choreography, polls every 30 s",
    "choreographed_fast_poll": "choreography, polls every 1 s",
}
METRICS = {
    "place_to_decision": "place to decision",
    "payment_to_settled": "payment to settled",
    "deadline_to_free": "deadline to seats free",
}
QUANTILES = ("p50", "p95", "p99", "max")
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
    "*meanwhile*: looks for events, for work, for other members": LOOKS,
}
CHANGES = {
    "reminder": "the reminder",
    "late-payment": "late payments are reinstated",
    "fraud-check": "a fraud check before the confirmation",
}


def tables(result: Result) -> dict[str, str]:
    """All of them, by name."""
    return {
        "latency": _latency(result),
        "due_table": _due(result),
        "throughput": _throughput(result),
        "cost": _cost(result),
        "statements": _statements(result),
        "idle": _idle(result),
        "recovery": _recovery(result),
        "away": _away(result),
        "faults": _faults(result),
        "code": _code(result),
        "changes": _changes(result),
    }


def environment(result: Result) -> str:
    """The rows of a table that has its head already."""
    took = f"{result['took_seconds'] / 60:.1f} minutes"
    rows = {"taken": result["taken_at"], "took": took, "seed": result["seed"], **result["machine"]}
    return "\n".join(_row((name, value)) for name, value in rows.items())


def _latency(result: Result) -> str:
    rows = []
    for key, metric in METRICS.items():
        for situation in ("steady", "burst"):
            for name, label in COLUMNS.items():
                spread = result["sides"][name]["latency"][situation][key]
                if spread["count"]:
                    figures = (_ms(spread[each]) for each in QUANTILES)
                    rows.append((f"{metric}, {situation}", label, spread["count"], *figures))
    return _table(("", "side", "count", *QUANTILES), rows)


def _due(result: Result) -> str:
    rows = []
    for name, label in COLUMNS.items():
        due = result["sides"][name]["due"]
        quantiles = (_ms(due["lateness"][each]) for each in QUANTILES)
        rows.append(
            (label, due["bookings"], due["freed"], due["deadlines_within_seconds"], *quantiles)
        )
    return _table(("side", "bookings", "freed", "deadlines within s", *QUANTILES), rows)


def _throughput(result: Result) -> str:
    rows = [
        (COLUMNS[name].split(",")[0], figures["one_concert"], figures["many_concerts"])
        for name in SIDES
        for figures in (result["sides"][name]["throughput"],)
    ]
    halls = result["sides"]["orchestrated"]["throughput"]["concerts"]
    return _table(("settled bookings/s", "one concert", f"{halls} concerts"), rows)


def _cost(result: Result) -> str:
    return _side_by_side(
        result,
        "cost",
        {
            "statements": "statements to Postgres that it causes",
            "rows": "rows stored in Postgres",
            "bytes": "bytes of those rows",
            "wal_bytes": "bytes of write-ahead log",
            "actions": "Actions",
            "history_events": "events in Temporal's histories",
            "history_bytes": "bytes of those histories",
        },
    )


def _statements(result: Result) -> str:
    sent = [result["sides"][name]["cost"]["by_purpose"] for name in SIDES]
    rows = [
        (label, *(f"{sum(each.get(name, 0) for name in names):.1f}" for each in sent))
        for label, names in STATEMENTS.items()
    ]
    return _table(("statements per settled booking", "orchestration", "choreography"), rows)


def _idle(result: Result) -> str:
    return _side_by_side(
        result,
        "idle",
        {
            "statements_per_minute": "statements to Postgres a minute",
            "temporal_polls_per_minute": "polls of Temporal's task queues a minute",
        },
        ("orchestrated", "choreographed", "choreographed_fast_poll"),
    )


def _recovery(result: Result) -> str:
    sides = [result["sides"][name]["recovery"] for name in SIDES]
    rows = [
        ("bookings under way at the kill", *(each["interrupted"]["count"] for each in sides)),
        ("half of them decided after", *(_of(each["interrupted"], "p50") for each in sides)),
        ("the last of them", *(_of(each["interrupted"], "max") for each in sides)),
        ("customers who came later", *(each["later"]["count"] for each in sides)),
        ("half of them waited", *(_of(each["later"], "p50") for each in sides)),
        ("the longest of them", *(_of(each["later"], "max") for each in sides)),
    ]
    return _table(("", "orchestration", "choreography"), rows)


def _away(result: Result) -> str:
    rows = []
    for name in SIDES:
        for key, what in (("without_ours", "our processes"), ("without_temporal", "Temporal")):
            figures = result["sides"][name].get(key)
            if figures:
                front, log = figures["front_door"], figures["log_door"]
                after = log["decided_after_return"]
                rows.append(
                    (
                        COLUMNS[name].split(",")[0],
                        what,
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
    rows: list[tuple[object, ...]] = []
    sides = [result["sides"][name]["faults"] for name in SIDES]
    for key, name in (
        ("bookings", "bookings"),
        ("kills", "kills"),
        ("provider_faults", "provider faults met"),
        ("repeated_captures", "captures that clients repeated"),
        ("repeated_requests", "requests that clients repeated"),
        ("slices_taken_over", "slices taken by a consumer"),
        ("seconds_until_quiet", "seconds until all came to its end"),
    ):
        rows.append((name, *(each[key] for each in sides)))
    for key, origin in (("temporal", "in the histories"), ("in_logs", "logged")):
        names = {name for each in sides for name in each[key]}
        rows += [
            (f"{origin}: {name}", *(each[key].get(name, 0) for each in sides))
            for name in sorted(names)
        ]
    rows.append(("**violations**", *(f"**{len(each['violations'])}**" for each in sides)))
    return _table(("", "orchestration", "choreography"), rows)


def _code(result: Result) -> str:
    rows: list[tuple[object, ...]] = []
    for name in SIDES:
        code = result["code"][name]
        label = COLUMNS[name].split(",")[0]
        rows += [(label, each["what"], each["files"], each["lines"]) for each in code["parts"]]
        found = ", ".join(f"{count} {kind}" for kind, count in code["places"].items() if count)
        total = f"**{places(code)} places that know the next step** ({found})"
        rows.append((label, total, f"**{code['files']}**", f"**{code['lines']}**"))
    return _table(("side", "", "files", "lines"), rows)


def _changes(result: Result) -> str:
    rows = []
    for change, what in CHANGES.items():
        for name in SIDES:
            size = result["changes"][f"{change}-{name}"]
            files = ", ".join(f"`{each}`" for each in size["files"])
            lines = f"+{size['added']} −{size['removed']}"  # noqa: RUF001  # a minus sign
            rows.append((what, COLUMNS[name].split(",")[0], len(size["files"]), lines, files))
    return _table(("change", "side", "files", "lines", ""), rows)


def _side_by_side(
    result: Result, axis: str, names: dict[str, str], sides: Sequence[str] = SIDES
) -> str:
    figures = [result["sides"][name][axis] for name in sides]
    rows = [(label, *(f"{each[key]:,}" for each in figures)) for key, label in names.items()]
    if len(sides) > len(SIDES):
        heads = [COLUMNS[name] for name in sides]
    else:
        heads = [COLUMNS[name].split(",")[0] for name in sides]
    return _table(("", *heads), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    return "\n".join((_row(head), _row(["---"] * len(head)), *map(_row, rows)))


def _row(cells: Sequence[Any]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _of(spread: Result, quantile: str) -> str:
    return _ms(spread[quantile]) if spread["count"] else "nobody"


def _ms(value: float) -> str:
    return f"{value / 1000:,.1f} s" if value >= 10_000 else f"{value:,.0f} ms"
