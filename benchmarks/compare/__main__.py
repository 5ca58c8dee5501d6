"""`make compare` runs both twins through the same work and the same faults.

It writes benchmarks/results/compare.json, docs/contrast.md and docs/plots/*.svg. A quick run
writes all of them into .data/compare, because its figures are rough. The exit code is 6 if an
invariant was broken. A run with `--break` must end so, and writes nothing.
"""

import asyncio
import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TypeVar

import structlog
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

from benchmarks.compare import report
from benchmarks.compare.coordination import ROOT, changes, coordination
from benchmarks.compare.faults import faults
from benchmarks.compare.resilience import away, recovery
from benchmarks.compare.scenarios import (
    BROKEN,
    FULL,
    QUICK,
    Figures,
    Sizes,
    cost,
    due_at_once,
    idle,
    rush,
    seats_freed,
    steady_and_burst,
)
from benchmarks.compare.sides import TWINS, Break, Side, side, temporary_home
from benchmarks.compare.verdicts import FAST_POLL, violations
from benchmarks.environment import environment
from entrypoints.devstack.children import Home, interruptible

RESULT = ROOT / "benchmarks" / "results" / "compare.json"
QUICK_RESULT = ROOT / ".data" / "compare" / RESULT.name
FINDINGS, INTERRUPTED = 6, 130  # exit codes
FASTER_POLL_SECONDS = 1
IDLE_SECONDS = 10  # enough, because no interval is longer than 2 s
FASTER = "fast-"  # the prefix of bookings that are made while the choreography polls faster

T = TypeVar("T")


class Progress:
    """A printer of one line for each step, with the seconds since the start."""

    def __init__(self) -> None:
        self._begun = asyncio.get_running_loop().time()

    def __call__(self, text: str) -> None:
        print(f"{self.seconds:6.1f} s  {text}", flush=True)

    async def before(self, name: str, measure: Awaitable[T]) -> T:
        self(f"{name} ...")
        return await measure

    @property
    def seconds(self) -> float:
        return asyncio.get_running_loop().time() - self._begun


async def compare(home: Home, sizes: Sizes, seed: int, say: Progress) -> Figures:
    """Measure everything; return the figures as JSON."""
    sides: Figures = {}
    for twin in TWINS:
        async with side(home, twin, say) as running:
            await _measure(running, sizes, seed, say, sides)
    return {
        "taken_at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "took_seconds": round(say.seconds),
        "seed": seed,
        "quick": sizes == QUICK,
        "machine": environment(),
        "sizes": asdict(sizes),
        "sides": sides,
        "code": coordination(),
        "changes": changes(),
    }


async def _measure(side: Side, sizes: Sizes, seed: int, say: Progress, sides: Figures) -> None:
    """Add the figures of a side; the choreography is also measured with a faster poll."""
    before = say.before
    figures = sides[side.twin] = {"idle": await before("idle", idle(side, sizes))}
    figures["cost"] = await before("cost", cost(side, sizes, seed))
    figures["latency"] = await before("latency", steady_and_burst(side, sizes, seed))
    figures["throughput"] = await before("throughput", rush(side, sizes, seed))
    figures["due"] = await before("due", due_at_once(side, sizes, seed))
    await before("seats freed", seats_freed(side, figures["latency"]))
    if side.twin == "choreographed":
        sides[FAST_POLL] = await _with_faster_poll(side, sizes, seed, say)
    figures["recovery"] = await before("recovery", recovery(side, sizes, seed))
    down = side.coordinators
    figures["without_ours"] = await before("without_ours", away(side, sizes, seed, *down))
    if side.twin == "orchestrated":
        without_temporal = away(side, sizes, seed, "temporal")
        figures["without_temporal"] = await before("without_temporal", without_temporal)
    figures["faults"] = await before("faults", faults(side, sizes, seed))


async def _with_faster_poll(side: Side, sizes: Sizes, seed: int, say: Progress) -> Figures:
    """Measure again what the poll's period decides; the period stays short for the rest."""
    say(f"restart, polling every {FASTER_POLL_SECONDS} s")
    await side.restart(expiration_poll_seconds=FASTER_POLL_SECONDS)
    latency = await say.before("latency", steady_and_burst(side, sizes, seed, FASTER))
    due = await say.before("due", due_at_once(side, sizes, seed, FASTER))
    shorter = replace(sizes, idle=min(sizes.idle, IDLE_SECONDS))
    at_rest = await say.before("idle", idle(side, shorter))
    await say.before("seats freed", seats_freed(side, latency, FASTER))
    return {"latency": latency, "due": due, "idle": at_rest}


async def _broken(home: Home, fault: Break, seed: int, say: Progress) -> list[str]:
    """Return what the checks find on both twins with a built-in fault."""
    found = []
    for twin in TWINS:
        async with side(home, twin, say, fault) as running:
            if twin == "choreographed":
                await running.restart(expiration_poll_seconds=FASTER_POLL_SECONDS)
            broken = (await faults(running, BROKEN, seed))["violations"]
            found += [f"{twin}: {violation}" for violation in broken]
    return found


async def _run(home: Home, options: Namespace) -> list[str]:
    """Do what the options ask for; return the violations that were found."""
    say = Progress()
    if options.document:
        report.write(json.loads(RESULT.read_text()))
        return []
    if options.broken:
        return await _broken(home, options.broken, options.seed, say)
    sizes = QUICK if options.quick else FULL
    result = await compare(home, sizes, options.seed, say)
    kept, docs = (QUICK_RESULT, QUICK_RESULT.parent) if options.quick else (RESULT, report.DOCS)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(result, indent=1) + "\n")
    for file in (kept, *report.write(result, docs)):
        say(f"wrote {file.relative_to(ROOT)}")
    return violations(result)


async def _main(options: Namespace) -> int:
    found: list[str] = []
    async with temporary_home() as home:

        async def command() -> None:
            found.extend(await _run(home, options))

        if not await interruptible(command(), home, print):
            return INTERRUPTED
    for violation in found:
        print(f"violation: {violation}")
    return FINDINGS if found else 0


def main() -> None:
    options = _options()
    # Servers are stopped on purpose, so the clients' retries are not worth a log line.
    quiet = LoggingConfig(TelemetryFilter(core_level="OFF", other_level="OFF"))
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=quiet)))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    sys.exit(asyncio.run(_main(options)))


def _options() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="do less of everything, for CI")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--document", action="store_true", help="only write the document of the kept run again"
    )
    parser.add_argument(
        "--break",
        dest="broken",
        choices=("checkpoint-first", "no-append-lock"),
        help="build in a fault that the checks must find",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
