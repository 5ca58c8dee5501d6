"""Which side is ahead on which figure of one run, and which promises the run broke."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

Result = dict[str, Any]
Ahead = Literal["orchestrated", "choreographed", "even"]

SIDES: tuple[Ahead, ...] = ("orchestrated", "choreographed")
FAST_POLL = "choreographed_fast_poll"
NAMES = {"orchestrated": "orchestration", "choreographed": "choreography"}
DOORS = ("front_door", "log_door")
EVEN_WITHIN = 1.25  # a smaller factor between two figures of one run is no difference

# The words for a figure, its path, and its unit. A path that names no side starts at the side.
Figure = tuple[str, str, str]

LATENCIES: tuple[Figure, ...] = tuple(
    (f"{what}, {load}, {quantile}", f"latency.{load}.{key}.{quantile}", "ms")
    for what, key in (
        ("Place to decision", "place_to_decision"),
        ("Payment to settled", "payment_to_settled"),
    )
    for load in ("steady", "burst")
    for quantile in ("p50", "p99")
)


def _deadlines(period: str) -> tuple[Figure, ...]:
    polls = f"(choreography polls every {period})"
    free = "latency.%s.deadline_to_free.p50"
    return (
        (f"Deadline to seats free, steady, p50 {polls}", free % "steady", "ms"),
        (f"Deadline to seats free, burst, p50 {polls}", free % "burst", "ms"),
        (
            f"{{due:,}} deadlines in one second, all seats free {polls}",
            "due.lateness.max",
            "ms",
        ),
    )


SUBJECTS: dict[str, tuple[Figure, ...]] = {
    "latency": LATENCIES,
    "deadlines": _deadlines("30 s"),
    "deadlines, fast": _deadlines("1 s"),
    "throughput": (
        ("Settled bookings a second, one concert", "throughput.one_concert", "/s"),
        ("Settled bookings a second, {concerts} concerts", "throughput.many_concerts", "/s"),
    ),
    "cost": (
        ("Statements to Postgres for a settled booking", "cost.statements", ""),
        ("Rows in Postgres per settled booking", "cost.rows", ""),
        ("Bytes of those rows", "cost.bytes", "B"),
        ("Write-ahead log per settled booking", "cost.wal_bytes", "B"),
    ),
    "idle": (("Statements to Postgres a minute, idle", "idle.statements_per_minute", ""),),
    "resilience": (
        (
            "Bookings interrupted by SIGKILL: the last one decided after",
            "recovery.interrupted.max",
            "ms",
        ),
        ("Customers who came after the SIGKILL: wait, p50", "recovery.later.p50", "ms"),
        ("Customers who came after the SIGKILL: longest wait", "recovery.later.max", "ms"),
        (
            "Processes down: decision after their return, p99",
            "without_ours.log_door.decided_after_return.p99",
            "ms",
        ),
    ),
    "code": (
        ("Lines of coordination code", "code.{side}.lines", ""),
        ("Files of coordination code", "code.{side}.files", ""),
        ("Places that know the next step", "code.{side}.places", ""),
    ),
    "changes": (
        ("Lines added for the reminder", "changes.reminder-{side}.added", ""),
        ("Lines added for the late payment", "changes.late-payment-{side}.added", ""),
        ("Lines added for the fraud check", "changes.fraud-check-{side}.added", ""),
    ),
}


@dataclass(frozen=True, slots=True)
class Axis:
    """The same figure of both sides. More is better for rates, less for everything else."""

    what: str
    orchestrated: float
    choreographed: float
    unit: str = ""

    @property
    def factor(self) -> float:
        """How many times better the better figure is."""
        low, high = sorted((self.orchestrated, self.choreographed))
        return 1.0 if high == low else high / max(low, 0.001)

    @property
    def ahead(self) -> Ahead:
        if self.factor < EVEN_WITHIN:
            return "even"
        less = self.orchestrated < self.choreographed
        return "orchestrated" if less != (self.unit == "/s") else "choreographed"

    @property
    def values(self) -> tuple[str, str]:
        left, right = self.orchestrated, self.choreographed
        return f"{left:,g} {self.unit}".strip(), f"{right:,g} {self.unit}".strip()

    @property
    def times(self) -> str:
        if self.factor > 100:
            return "more than 100 times"
        return f"{self.factor:.1f} times" if self.factor < 10 else f"{self.factor:.0f} times"


def axes(result: Result) -> dict[str, list[Axis]]:
    """Return every figure that both sides have, by subject."""
    return {subject: list(_axes(result, subject)) for subject in SUBJECTS}


def _axes(result: Result, subject: str) -> Iterator[Axis]:
    right_side = FAST_POLL if subject == "deadlines, fast" else "choreographed"
    for what, path, unit in SUBJECTS[subject]:
        left, right = figure(result, path, "orchestrated"), figure(result, path, right_side)
        if left is not None and right is not None:
            yield Axis(what.format(**result["sizes"]), left, right, unit)


def figure(result: Result, path: str, side: str) -> float | None:
    """Return the number at a path, or the sum of the counts there; None if nobody was measured."""
    found: Any = result if "{side}" in path else result["sides"][side]
    for key in path.format(side=side).split("."):
        if key not in found:
            return None
        found = found[key]
    number: float = sum(found.values()) if isinstance(found, dict) else found
    return number


def leader(of: Iterable[Axis]) -> Ahead:
    """Return the side that is ahead on more of the axes."""
    count = Counter(axis.ahead for axis in of)
    if count["orchestrated"] == count["choreographed"]:
        return "even"
    return max(SIDES, key=lambda side: count[side])


def violations(result: Result) -> list[str]:
    """Return broken invariants, and clients who got an error although nothing was broken."""
    broken: list[str] = []
    for name, figures in result["sides"].items():
        found = [*figures.get("faults", {}).get("violations", ())]
        for load in ("steady", "burst"):
            found += figures["latency"][load]["trouble"]
        found += figures.get("recovery", {}).get("trouble", ())
        due = figures["due"]
        if due["freed"] < due["bookings"]:
            found.append(f"{due['bookings'] - due['freed']} bookings kept their seats")
        for outage in ("without_ours", "without_temporal"):
            doors = figures.get(outage, {})
            if lost := sum(doors[door]["lost"] for door in DOORS if doors):
                found.append(f"{lost} bookings lost {outage}")
        broken += [f"{name}: {violation}" for violation in found]
    return broken
