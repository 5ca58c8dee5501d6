"""`make bench` compares appends a second with an INSERT, and with appends without the chain."""

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import monotonic

import asyncpg
from pydantic import PostgresDsn

from benchmarks.bench.append import KINDS, Measured, measure, ratios
from benchmarks.environment import environment
from entrypoints.devstack.children import claim
from entrypoints.devstack.servers import Postgres, postgres
from entrypoints.errors import FINDINGS
from entrypoints.settings import Settings
from entrypoints.wiring import MIGRATIONS, migrate_database
from eventstore.postgres.verify import verify_log

RESULTS = Path(__file__).parents[1] / "results" / "append.json"
ROUNDS = 15  # figures of fewer rounds say little and are not kept
CONNECTIONS = (1, 16, 64)
# Beside what, which kind must reach what.
TARGETS = {
    "bare INSERT": ("es.append", 0.45),
    "INSERT, same indexes": ("es.append", 0.6),
    "es.append, no chain": ("es.append", 0.95),
    "bookings, no chain": ("bookings", 0.95),
}
JUDGED = 16  # the targets are for so many connections


async def run(rounds: int, seconds: float, seed: int) -> int:
    """Measure, print, and keep the figures of a complete run; return the exit code."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as directory:
        async with claim(Path(directory)) as home, postgres(home) as server:
            await migrate_database(Settings(database_url=PostgresDsn(server.url())))
            facts = {"seed": seed, **environment(), "fsync": "on", "synchronous_commit": "on"}
            print("\n".join(f"{name:20}{fact}" for name, fact in facts.items()), flush=True)
            without_chain = await _database_without_chain(server)
            found = await measure(
                server.url(), without_chain,
                connections=CONNECTIONS, rounds=rounds, seconds=seconds, seed=seed,
                progress=lambda text: print(f"\r{text}   ", end="", file=sys.stderr, flush=True),
            )  # fmt: skip
            print(file=sys.stderr)
            async with asyncpg.create_pool(server.url(), min_size=1, max_size=2) as pool:
                events = await pool.fetchval("SELECT count(*) FROM es.event")
                begun = monotonic()
                findings = await verify_log(pool)
                took = monotonic() - begun
    _report(found)
    print(f"verify: {len(findings)} findings over {events} events in {took:.1f} s")
    if rounds >= ROUNDS:
        RESULTS.write_text(json.dumps(_document(found, seed, seconds), indent=1) + "\n")
    return FINDINGS if findings else 0


async def _database_without_chain(server: Postgres) -> str:
    """Create a database with the log as it was before its events were chained."""
    connection = await asyncpg.connect(server.url())
    await connection.execute("CREATE DATABASE without_chain")
    await connection.close()
    connection = await asyncpg.connect(server.url("without_chain"))
    for file in sorted(MIGRATIONS[0].glob("*.sql")):
        if file.name.endswith("_chain.sql"):
            break
        await connection.execute(file.read_text("utf-8"))
    await connection.close()
    return server.url("without_chain")


def _report(found: list[Measured]) -> None:
    print("connections  per second, medians" + " " * 30 + "ratio to it, quartiles")
    for count in CONNECTIONS:
        for kind in KINDS:
            rate = median(
                measured.per_second
                for measured in found
                if (measured.connections, measured.kind) == (count, kind)
            )
            line = f"{count:11}  {kind:22} {rate:8.0f}"
            if kind in TARGETS:
                of, target = TARGETS[kind]
                first, middle, third = ratios(found, count, of, kind)
                line += f"    {of:9} {middle:.2f} ({first:.2f} to {third:.2f})"
                if count == JUDGED:
                    line += f"  {'reached' if middle >= target else 'MISSED'}: {target}"
            print(line)


def _document(found: list[Measured], seed: int, seconds: float) -> dict[str, object]:
    return {
        "environment": environment(),
        "seed": seed,
        "seconds": seconds,
        "rates": [
            [measured.connections, measured.round, measured.kind, round(measured.per_second, 1)]
            for measured in found
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help="with fewer rounds the figures are not kept"
    )
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="how long a kind of write is measured in a round"
    )
    parser.add_argument("--seed", type=int, default=20_300_504)
    options = parser.parse_args()
    try:
        sys.exit(asyncio.run(run(options.rounds, options.seconds, options.seed)))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
