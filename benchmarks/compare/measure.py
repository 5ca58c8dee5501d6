"""What is read off a running side: by SQL from the database, from the server's meter, from logs."""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from statistics import quantiles
from urllib.request import urlopen

from benchmarks.compare.sides import Side

LOOK_EVERY = 0.1  # seconds
METER_LAG = 3.0  # seconds that Temporal's meter is behind, at most

# The mark keeps what the comparison asks out of what it counts.
STATEMENTS = r"""
SELECT regexp_replace(query, '\s+', ' ', 'g') AS query, sum(calls)::bigint AS calls
  FROM pg_stat_statements
 WHERE query NOT LIKE '%compare:%' AND query NOT LIKE '%pg_stat_statements%'
 GROUP BY 1
"""

# What a statement is for, told by words that only its text has; the first that fits counts.
PURPOSES = (
    ("loads", "AS done_hash"),
    ("appends", "es.append("),
    ("reads", "e.stream_id = $1 AND e.version > $2"),
    ("seats", "reservations."),
    ("views", "INSERT INTO views."),
    ("views", "b.booking_id = $1"),
    ("views", "p.payment_id = $1"),
    ("mail", "notifications.mark (kind"),
    ("mail", "UPDATE notifications.mark"),
    ("notices", "payments.notice"),
    ("checkpoints", "UPDATE es.checkpoint SET position"),
    ("checkpoints", "es.dead_letter"),
    ("transactions", "BEGIN"),
    ("transactions", "COMMIT"),
    ("doorbell", "pg_notify("),
    ("looks", "AS o (slice, after)"),
    ("members", "es.member"),
    ("members", "SKIP LOCKED"),
    ("sweeps", "FROM views."),
    ("driver", "typeinfo_tree"),  # the types that a new connection meets
    ("driver", "set_config("),
    ("driver", "SELECT $1"),  # is the doorbell's connection alive?
)
OTHER = "other"
# Asked whether there is work or not; all others are because of a booking.
LOOKS = ("looks", "members", "sweeps", "driver")

# What bookings add. Seats on sale and checkpoints are there before.
ROWS_AND_BYTES = """
SELECT sum(n) AS rows, sum(size) AS bytes  -- compare:
  FROM (SELECT count(*) AS n, sum(pg_column_size(e)) AS size FROM es.event e
         UNION ALL
        SELECT count(*), sum(pg_column_size(r)) FROM reservations.reservation r
         UNION ALL
        SELECT count(*), sum(pg_column_size(h)) FROM reservations.hold h
         UNION ALL
        SELECT count(*), sum(pg_column_size(j)) FROM reservations.journal j
         UNION ALL
        SELECT count(*), sum(pg_column_size(b)) FROM views.booking b
         UNION ALL
        SELECT count(*), sum(pg_column_size(p)) FROM views.payment p
         UNION ALL
        SELECT count(*), sum(pg_column_size(m)) FROM notifications.mark m
         UNION ALL
        SELECT count(*), sum(pg_column_size(n)) FROM payments.notice n) AS per_table
"""

WAL = "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint  -- compare:"

# $1 prefix of booking ids, $2 event types
BOOKINGS_WITH = """
SELECT count(DISTINCT stream_id)  -- compare:
  FROM es.event
 WHERE stream_id LIKE 'booking-' || $1 || '-%' AND event_type = ANY ($2)
"""

# $1 prefix of booking ids
PAYMENT_TO_SETTLED = """
SELECT extract(epoch FROM settled.recorded_at - (paid.data ->> 'captured_at')::timestamptz)::float8
  FROM es.event AS paid  -- compare:
  JOIN es.event AS settled
    ON settled.stream_id = 'booking-' || (paid.data ->> 'booking_id')
   AND settled.event_type = 'BookingSettled'
 WHERE paid.event_type = 'PaymentReceived' AND paid.data ->> 'booking_id' LIKE $1 || '-%'
"""

# $1 prefix of booking ids
DEADLINE_TO_FREE = """
SELECT extract(epoch FROM freed.recorded_at - (c.data ->> 'expires_at')::timestamptz)::float8
  FROM es.event AS c  -- compare:
  JOIN es.event AS expired
    ON expired.stream_id = c.stream_id AND expired.event_type = 'BookingExpired'
  JOIN reservations.journal AS freed
    ON c.stream_id = 'booking-' || freed.booking_id AND freed.what = 'released'
 WHERE c.event_type = 'BookingConfirmed' AND c.stream_id LIKE 'booking-' || $1 || '-%'
"""

# $1 prefix of booking ids
DECIDED_AT = """
SELECT extract(epoch FROM min(recorded_at))::float8  -- compare:
  FROM es.event
 WHERE event_type IN ('BookingConfirmed', 'BookingDenied')
   AND stream_id LIKE 'booking-' || $1 || '-%'
 GROUP BY stream_id
"""

# $1 prefix of booking ids
DEADLINES = """
SELECT extract(epoch FROM max((data ->> 'expires_at')::timestamptz)
                        - min((data ->> 'expires_at')::timestamptz))::float8
  FROM es.event  -- compare:
 WHERE event_type = 'BookingConfirmed' AND stream_id LIKE 'booking-' || $1 || '-%'
"""

# $1 prefix of booking ids
LAST_SETTLED = """
SELECT extract(epoch FROM max(recorded_at))::float8  -- compare:
  FROM es.event
 WHERE event_type = 'BookingSettled' AND stream_id LIKE 'booking-' || $1 || '-%'
"""

CLOCK = "SELECT extract(epoch FROM es.now())::float8  -- compare:"

CLAIMS = "SELECT coalesce(sum(epoch), 0)::bigint FROM es.checkpoint  -- compare:"


async def statements(side: Side) -> Counter[str]:
    """How many every process has sent so far, by purpose."""
    sent: Counter[str] = Counter()
    for row in await side.parts.pool.fetch(STATEMENTS):
        sent[purpose(row["query"])] += row["calls"]
    return sent


def purpose(query: str) -> str:
    """What a statement is for, its white space being single."""
    return next((name for name, mark in PURPOSES if mark in query), OTHER)


async def rows_and_bytes(side: Side) -> tuple[int, int]:
    row = await side.parts.pool.fetchrow(ROWS_AND_BYTES)
    assert row is not None
    return int(row["rows"]), int(row["bytes"] or 0)


async def wal_bytes(side: Side) -> int:
    count: int = await side.parts.pool.fetchval(WAL)
    return count


async def clock(side: Side) -> float:
    """The database's, in seconds."""
    now: float = await side.parts.pool.fetchval(CLOCK)
    return now


async def bookings_with(side: Side, prefix: str, *events: str) -> int:
    count: int = await side.parts.pool.fetchval(BOOKINGS_WITH, prefix, list(events))
    return count


async def seconds(side: Side, query: str, prefix: str) -> list[float]:
    """One number for each booking whose id starts so."""
    return [row[0] for row in await side.parts.pool.fetch(query, prefix)]


async def number(side: Side, query: str, prefix: str) -> float:
    found: float | None = await side.parts.pool.fetchval(query, prefix)
    return found or 0.0


async def claims(side: Side) -> int:
    """How often a consumer took a slice, from nobody or from another."""
    count: int = await side.parts.pool.fetchval(CLAIMS)
    return count


async def until(
    happened: Callable[[], Awaitable[bool]], within: float, every: float = LOOK_EVERY
) -> bool:
    """Ask again until it is so; False if that does not come in time."""
    deadline = asyncio.get_running_loop().time() + within
    while not await happened():
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(every)
    return True


async def until_as_many(so_far: Callable[[], Awaitable[int]], count: int, within: float) -> int:
    """Ask again until there are so many, or no more have come for so long; how many there are."""
    time = asyncio.get_running_loop().time
    found, since = await so_far(), time()
    while found < count and time() - since < within:
        await asyncio.sleep(LOOK_EVERY)
        if (now := await so_far()) != found:
            found, since = now, time()
    return found


async def meter(side: Side) -> dict[str, float]:
    """Temporal's own counts, by name and operation: `action`, `service_requests StartWorkflow`."""
    process = await asyncio.create_subprocess_exec(
        *("ps", "-ww", "-o", "args=", "-p", str(side.stack.parts["temporal"].pid)),
        stdout=asyncio.subprocess.PIPE,
    )
    arguments = (await process.communicate())[0].decode()
    port = re.search(r"--metrics-port (\d+)", arguments)
    assert port is not None, arguments
    url = f"http://127.0.0.1:{port[1]}/metrics"
    text = await asyncio.to_thread(lambda: urlopen(url).read().decode())  # our own
    counts: dict[str, float] = {}
    for line in text.splitlines():
        if found := re.fullmatch(r"(action|service_requests)\{(.*)\} (\S+)", line):
            if 'namespace="default"' not in found[2]:
                continue
            operation = re.search(r'operation="(\w+)"', found[2])
            name = f"{found[1]} {operation[1]}" if operation else found[1]
            counts[name] = counts.get(name, 0) + float(found[3])
            if found[1] == "action":
                counts["actions"] = counts.get("actions", 0) + float(found[3])
    return counts


async def settled_meter(side: Side) -> dict[str, float]:
    """The counts once they have stood still for as long as the meter lags."""
    loop = asyncio.get_running_loop()
    counts, since = await meter(side), loop.time()
    while loop.time() - since < METER_LAG:
        await asyncio.sleep(LOOK_EVERY)
        now = await meter(side)
        if now.get("actions") != counts.get("actions"):
            counts, since = now, loop.time()
    return counts


def spread(values: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and max, in milliseconds, and how many there were."""
    if not values:
        return {"count": 0}
    cuts = quantiles([*values, *values], n=100, method="inclusive")  # one value has no quantiles
    return {
        "count": len(values),
        "p50": round(1000 * cuts[49], 1),
        "p95": round(1000 * cuts[94], 1),
        "p99": round(1000 * cuts[98], 1),
        "max": round(1000 * max(values), 1),
    }


def curve(values: Sequence[float]) -> list[float]:
    """Every twentieth of the sorted values, in seconds: the share that is done by then."""
    ordered = sorted(values)
    return [round(ordered[(len(ordered) - 1) * step // 20], 3) for step in range(21)]
