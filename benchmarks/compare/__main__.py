"""`make compare`: both twins through the same work and the same faults, and what came of it.

Writes benchmarks/results/compare.json, docs/contrast.md and docs/plots/*.svg; a quick run all of
them into .data/compare, for its figures are rough. Exit code 6 if an invariant was broken; with
`--break` that is what is to happen, and nothing is written.
"""

import asyncio
import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

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
from benchmarks.compare.sides import TWINS, Break, Side, Twin, side, temporary_home
from benchmarks.compare.verdicts import violations
from benchmarks.environment import environment
from entrypoints.devstack.children import Home
from entrypoints.interrupts import interruptible

RESULT = ROOT / "benchmarks" / "results" / "compare.json"
QUICK_RESULT = ROOT / ".data" / "compare" / RESULT.name
FINDINGS, INTERRUPTED = 6, 130  # exit codes
FASTER_POLL_SECONDS = 1
IDLE_SECONDS = 10  # enough for it: no interval is longer than 2 s
FASTER = "fast-"  # what tells its bookings from the others

Step = tuple[str, Callable[[], Awaitable[Figures]]]


class Progress:
    """A line for each step, with the time since the start."""

    def __init__(self) -> None:
        self._begun = asyncio.get_running_loop().time()

    def __call__(self, text: str) -> None:
        print(f"{self.seconds:6.1f} s  {text}", flush=True)

    @property
    def seconds(self) -> float:
        return asyncio.get_running_loop().time() - self._begun


async def compare(home: Home, sizes: Sizes, seed: int, say: Progress) -> Figures:
    """Everything there is to know, as JSON."""
    sides: Figures = {}
    for twin in TWINS:
        sides |= await _measured(home, twin, sizes, seed, say)
    return {
        "taken_at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "took_seconds": round(say.seconds),
        "seed": seed,
        "quick": sizes == QUICK,
        "machine": environment(),
        "sizes": {name: getattr(sizes, name) for name in Sizes.__slots__},
        "sides": sides,
        "code": coordination(),
        "changes": changes(),
    }


async def _measured(
    home: Home, twin: Twin, sizes: Sizes, seed: int, say: Progress
) -> dict[str, Figures]:
    async with side(home, twin, say) as running:
        steps: list[Step] = [
            ("idle", lambda: idle(running, sizes)),
            ("cost", lambda: cost(running, sizes, seed)),
            ("latency", lambda: steady_and_burst(running, sizes, seed)),
            ("throughput", lambda: rush(running, sizes, seed)),
            ("due", lambda: due_at_once(running, sizes, seed)),
        ]
        figures = {str(twin): await _all(twin, steps, say)}
        say(f"{twin}: seats freed ...")
        await seats_freed(running, figures[twin]["latency"])
        if twin == "choreographed":
            figures["choreographed_fast_poll"] = await _with_faster_poll(running, sizes, seed, say)
        figures[twin] |= await _all(twin, _troubles(running, sizes, seed), say)
        return figures


async def _with_faster_poll(side: Side, sizes: Sizes, seed: int, say: Progress) -> Figures:
    """What the choreography's poll decides, once more; it stays at that for the rest."""
    await side.restart(expiration_poll_seconds=FASTER_POLL_SECONDS)
    shorter = replace(sizes, idle=min(sizes.idle, IDLE_SECONDS))
    steps: list[Step] = [
        ("latency", lambda: steady_and_burst(side, sizes, seed, FASTER)),
        ("due", lambda: due_at_once(side, sizes, seed, FASTER)),
        ("idle", lambda: idle(side, shorter)),
    ]
    figures = await _all(f"{side.twin}, polling every {FASTER_POLL_SECONDS} s", steps, say)
    await seats_freed(side, figures["latency"], FASTER)
    return figures


def _troubles(side: Side, sizes: Sizes, seed: int) -> list[Step]:
    steps: list[Step] = [
        ("recovery", lambda: recovery(side, sizes, seed)),
        ("without_ours", lambda: away(side, sizes, seed, "ours")),
    ]
    if side.twin == "orchestrated":
        steps.append(("without_temporal", lambda: away(side, sizes, seed, "temporal")))
    return [*steps, ("faults", lambda: faults(side, sizes, seed))]


async def _all(who: str, steps: list[Step], say: Progress) -> Figures:
    figures: Figures = {}
    for name, measure in steps:
        say(f"{who}: {name} ...")
        figures[name] = await measure()
    return figures


async def _broken(home: Home, fault: Break, seed: int, say: Progress) -> list[str]:
    """What the checks say of both twins with a fault built in."""
    found = []
    for twin in TWINS:
        async with side(home, twin, say, fault) as running:
            if twin == "choreographed":
                await running.restart(expiration_poll_seconds=FASTER_POLL_SECONDS)
            violations = (await faults(running, BROKEN, seed))["violations"]
            found += [f"{twin}: {each}" for each in violations]
    return found


async def _run(home: Home, options: Namespace) -> list[str]:
    """The violations that were found."""
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
    for each in found:
        print(f"violation: {each}")
    return FINDINGS if found else 0


def main() -> None:
    options = _options()
    # Servers are stopped on purpose: the clients' retries are no news.
    quiet = LoggingConfig(TelemetryFilter(core_level="OFF", other_level="OFF"))
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=quiet)))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    sys.exit(asyncio.run(_main(options)))


def _options() -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything: for CI")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--document", action="store_true", help="only write the last run's document again"
    )
    parser.add_argument(
        "--break",
        dest="broken",
        choices=("checkpoint-first", "no-append-lock"),
        help="build a fault in, which the checks must find",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
