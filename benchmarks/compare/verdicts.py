"""Who is ahead on which axis, and sentences that say so: all from the figures of one run."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

Result = dict[str, Any]
Ahead = Literal["orchestrated", "choreographed", "even"]

SIDES: tuple[Ahead, ...] = ("orchestrated", "choreographed")
EVEN_WITHIN = 1.25  # a smaller factor between two figures of one run is no difference
NAMES: dict[Ahead, str] = {
    "orchestrated": "the orchestration",
    "choreographed": "the choreography",
    "even": "neither",
}


@dataclass(frozen=True, slots=True)
class Axis:
    """The same figure of both sides."""

    what: str
    orchestrated: float
    choreographed: float
    unit: str = ""
    more_is_better: bool = False

    @property
    def factor(self) -> float:
        """How many times the better figure is better."""
        low, high = sorted((self.orchestrated, self.choreographed))
        return 1.0 if high == low else high / max(low, 0.001)

    @property
    def ahead(self) -> Ahead:
        if self.factor < EVEN_WITHIN:
            return "even"
        less = self.orchestrated < self.choreographed
        return "orchestrated" if less != self.more_is_better else "choreographed"

    @property
    def row(self) -> tuple[str, str, str, str]:
        how = "even" if self.ahead == "even" else f"{NAMES[self.ahead]}, {times(self.factor)}"
        shown = (f"{each:,g} {self.unit}".strip() for each in self._values)
        return (self.what, *shown, how)  # type: ignore[return-value]  # two values, so four cells

    @property
    def _values(self) -> tuple[float, float]:
        return self.orchestrated, self.choreographed

    def brief(self) -> str:
        """Of one who is ahead: on what, and by how much."""
        left, right = (f"{each:,g} {self.unit}".strip() for each in self._values)
        what = self.what[0].lower() + self.what[1:]
        return f"{what}, {times(self.factor)} ({left} and {right})."

    def sentence(self) -> str:
        """What the figures say, in words."""
        left, right = (f"{each:,g} {self.unit}".strip() for each in self._values)
        if self.ahead == "even":
            return f"{self.what}: no difference ({left} and {right})."
        return (
            f"{self.what}: {NAMES[self.ahead]} is ahead, {times(self.factor)} ({left} and {right})."
        )


def times(factor: float) -> str:
    if factor > 100:
        return "more than 100 times"
    return f"{factor:.1f} times" if factor < 10 else f"{factor:.0f} times"


def axes(result: Result) -> dict[str, list[Axis]]:
    """Everything that can be put side by side, by subject."""
    return {
        "latency": list(_latencies(result)),
        "deadlines": list(_deadlines(result, "choreographed", "30 s")),
        "deadlines, fast": list(_deadlines(result, "choreographed_fast_poll", "1 s")),
        "throughput": list(_rates(result)),
        "cost": list(_costs(result)),
        "idle": [_idle(result)],
        "resilience": list(_resilience(result)),
        "code": list(_code(result)),
        "changes": list(_changes(result)),
    }


def leader(of: Iterable[Axis]) -> Ahead:
    """Who is ahead on more of the axes."""
    count = Counter(each.ahead for each in of)
    if count["orchestrated"] == count["choreographed"]:
        return "even"
    return max(SIDES, key=lambda side: count[side])


def _latencies(result: Result) -> Iterator[Axis]:
    left, right = (result["sides"][name]["latency"] for name in ("orchestrated", "choreographed"))
    for name, key in (
        ("Place to decision", "place_to_decision"),
        ("Payment to settled", "payment_to_settled"),
    ):
        for situation in ("steady", "burst"):
            for quantile in ("p50", "p99"):
                yield Axis(
                    f"{name}, {situation}, {quantile}",
                    left[situation][key][quantile],
                    right[situation][key][quantile],
                    "ms",
                )


def _deadlines(result: Result, name: str, poll: str) -> Iterator[Axis]:
    left, right = result["sides"]["orchestrated"], result["sides"][name]
    for situation in ("steady", "burst"):
        yield Axis(
            f"Deadline to seats free, {situation}, p50 (choreography polls every {poll})",
            left["latency"][situation]["deadline_to_free"]["p50"],
            right["latency"][situation]["deadline_to_free"]["p50"],
            "ms",
        )
    yield Axis(
        f"{left['due']['bookings']:,} deadlines in one second, all seats free "
        f"(choreography polls every {poll})",
        left["due"]["lateness"]["max"],
        right["due"]["lateness"]["max"],
        "ms",
    )


def _rates(result: Result) -> Iterator[Axis]:
    left, right = (result["sides"][name]["throughput"] for name in SIDES)
    for name, key in (
        ("Settled bookings a second, one concert", "one_concert"),
        (f"Settled bookings a second, {left['concerts']} concerts", "many_concerts"),
    ):
        yield Axis(name, left[key], right[key], "/s", more_is_better=True)


def _costs(result: Result) -> Iterator[Axis]:
    left, right = (result["sides"][name] for name in SIDES)
    for name, key, unit in (
        ("Statements to Postgres that a settled booking causes", "statements", ""),
        ("Rows in Postgres per settled booking", "rows", ""),
        ("Bytes of those rows", "bytes", "B"),
        ("Write-ahead log per settled booking", "wal_bytes", "B"),
    ):
        yield Axis(name, left["cost"][key], right["cost"][key], unit)


def _idle(result: Result) -> Axis:
    left, right = (result["sides"][name]["idle"] for name in SIDES)
    key = "statements_per_minute"
    return Axis("Statements to Postgres a minute, idle", left[key], right[key])


def _resilience(result: Result) -> Iterator[Axis]:
    left, right = (result["sides"][name] for name in SIDES)
    for what, key, quantile in (
        ("Bookings interrupted by SIGKILL: the last one decided after", "interrupted", "max"),
        ("Customers who came after the SIGKILL: wait, p50", "later", "p50"),
        ("Customers who came after the SIGKILL: longest wait", "later", "max"),
    ):
        kills = left["recovery"][key], right["recovery"][key]
        if all(each["count"] for each in kills):
            yield Axis(what, kills[0][quantile], kills[1][quantile], "ms")
    yield Axis(
        "Our processes down: decision after their return, p99",
        left["without_ours"]["log_door"]["decided_after_return"]["p99"],
        right["without_ours"]["log_door"]["decided_after_return"]["p99"],
        "ms",
    )


def _code(result: Result) -> Iterator[Axis]:
    left, right = (result["code"][name] for name in SIDES)
    yield Axis("Lines of coordination code", left["lines"], right["lines"])
    yield Axis("Files of coordination code", left["files"], right["files"])
    yield Axis("Places that know the next step", places(left), places(right))


def _changes(result: Result) -> Iterator[Axis]:
    for change in ("reminder", "late-payment", "fraud-check"):
        added = (result["changes"][f"{change}-{name}"]["added"] for name in SIDES)
        yield Axis(f"Lines added for the {change.replace('-', ' ')}", *added)


def places(code: Result) -> int:
    return sum(code["places"].values())


def violations(result: Result) -> list[str]:
    """Broken invariants, and clients who were left with an error where nothing was broken."""
    sides = result["sides"]
    broken = [f"{name}: {each}" for name in SIDES for each in sides[name]["faults"]["violations"]]
    for name, figures in sides.items():
        for situation in ("steady", "burst"):
            broken += [f"{name}: {each}" for each in figures["latency"][situation]["trouble"]]
        broken += [f"{name}: {each}" for each in figures.get("recovery", {}).get("trouble", ())]
        due = figures["due"]
        if due["freed"] < due["bookings"]:
            broken.append(f"{name}: {due['bookings'] - due['freed']} bookings kept their seats")
        for door in ("without_ours", "without_temporal"):
            doors = [figures.get(door, {}).get(each, {}) for each in ("front_door", "log_door")]
            if lost := sum(each.get("lost", 0) for each in doors):
                broken.append(f"{name}: {lost} bookings lost {door}")
    return broken
