"""Figures read from a running side: from its database by SQL, and from Temporal's meter."""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from statistics import quantiles
from urllib.request import urlopen

from benchmarks.compare.sides import Side

LOOK_EVERY = 0.1  # seconds
METER_LAG = 3.0  # seconds; Temporal's meter is never further behind
# Name, labels and value of a count in the namespace of the processes.
METERED = r'^(action|service_requests)\{(.*namespace="default".*)\} (\S+)$'

# The mark keeps the comparison's own statements out of the count.
STATEMENTS = r"""
SELECT regexp_replace(query, '\s+', ' ', 'g') AS query, sum(calls)::bigint AS calls
  FROM pg_stat_statements
 WHERE query NOT LIKE '%compare:%' AND query NOT LIKE '%pg_stat_statements%'
 GROUP BY 1
"""

# The purpose of a statement follows from words that only its text has; the first match counts.
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
    ("driver", "typeinfo_tree"),  # a new connection asks for its types
    ("driver", "set_config("),
    ("driver", "SELECT $1"),  # is the doorbell's connection alive?
)
OTHER = "other"
# These are sent whether there is work or not; all others are sent because of a booking.
LOOKS = ("looks", "members", "sweeps", "driver")

# Bookings add these rows. Seats on sale and checkpoints exist before.
ROWS_OF_BOOKINGS = (
    "es.event",
    "reservations.reservation",
    "reservations.hold",
    "reservations.journal",
    "views.booking",
    "views.payment",
    "notifications.mark",
    "payments.notice",
)
ROWS_AND_BYTES = "SELECT count(*), coalesce(sum(pg_column_size(t)), 0) FROM {} AS t  -- compare:"

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

# $1 prefix of booking ids, $2 event types
RECORDED_AT = """
SELECT extract(epoch FROM min(recorded_at))::float8  -- compare:
  FROM es.event
 WHERE stream_id LIKE 'booking-' || $1 || '-%' AND event_type = ANY ($2)
 GROUP BY stream_id
"""

# $1 prefix of booking ids
DEADLINES = """
SELECT extract(epoch FROM max((data ->> 'expires_at')::timestamptz)
                        - min((data ->> 'expires_at')::timestamptz))::float8
  FROM es.event  -- compare:
 WHERE event_type = 'BookingConfirmed' AND stream_id LIKE 'booking-' || $1 || '-%'
"""

CLOCK = "SELECT extract(epoch FROM es.now())::float8  -- compare:"

# How often a consumer took a slice, from nobody or from another.
CLAIMS = "SELECT coalesce(sum(epoch), 0)::bigint FROM es.checkpoint  -- compare:"


async def statements(side: Side) -> Counter[str]:
    """Return how many statements all processes have sent so far, by purpose."""
    sent: Counter[str] = Counter()
    for row in await side.parts.pool.fetch(STATEMENTS):
        sent[purpose(row["query"])] += row["calls"]
    return sent


def purpose(query: str) -> str:
    """Return what a statement is for. Its words are separated by single spaces."""
    return next((name for name, mark in PURPOSES if mark in query), OTHER)


async def rows_and_bytes(side: Side) -> tuple[int, int]:
    """Return how many rows the bookings have added, and how many bytes these have."""
    rows = size = 0
    for table in ROWS_OF_BOOKINGS:
        found = await side.parts.pool.fetchrow(ROWS_AND_BYTES.format(table))
        assert found is not None
        rows, size = rows + found[0], size + found[1]
    return rows, size


async def number(side: Side, query: str, *binds: object) -> float:
    """Return the one number that a query finds; 0 if it finds none."""
    found: float | None = await side.parts.pool.fetchval(query, *binds)
    return found or 0


async def clock(side: Side) -> float:
    """Return the time of the database, in seconds."""
    return await number(side, CLOCK)


async def seconds(side: Side, query: str, prefix: str, *binds: object) -> list[float]:
    """Return a number for each booking whose id starts with the prefix."""
    return [row[0] for row in await side.parts.pool.fetch(query, prefix, *binds)]


async def until(
    happened: Callable[[], Awaitable[bool]], within: float, every: float = LOOK_EVERY
) -> bool:
    """Wait until something has happened; return False if it does not happen in time."""
    deadline = asyncio.get_running_loop().time() + within
    while not await happened():
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(every)
    return True


async def until_as_many(so_far: Callable[[], Awaitable[int]], count: int, within: float) -> int:
    """Wait until the count is reached, or has not grown for `within` seconds; return it."""
    time = asyncio.get_running_loop().time
    found, since = await so_far(), time()
    while found < count and time() - since < within:
        await asyncio.sleep(LOOK_EVERY)
        if (now := await so_far()) != found:
            found, since = now, time()
    return found


async def meter(side: Side) -> Counter[str]:
    """Return the counts of Temporal's meter: of actions, and of polls for work."""
    process = await asyncio.create_subprocess_exec(
        *("ps", "-ww", "-o", "args=", "-p", str(side.stack.parts["temporal"].pid)),
        stdout=asyncio.subprocess.PIPE,
    )
    arguments = (await process.communicate())[0].decode()
    port = re.search(r"--metrics-port (\d+)", arguments)
    assert port is not None, arguments
    url = f"http://127.0.0.1:{port[1]}/metrics"
    text = await asyncio.to_thread(lambda: urlopen(url).read().decode())  # our own server
    counts: Counter[str] = Counter()
    for name, labels, value in re.findall(METERED, text, re.MULTILINE):
        if name == "action":
            counts["actions"] += int(float(value))
        elif 'operation="Poll' in labels:
            counts["polls"] += int(float(value))
    return counts


async def settled_actions(side: Side) -> int:
    """Return the count of actions once it has stood still for as long as the meter lags."""
    loop = asyncio.get_running_loop()
    actions, since = (await meter(side))["actions"], loop.time()
    while loop.time() - since < METER_LAG:
        await asyncio.sleep(LOOK_EVERY)
        now = (await meter(side))["actions"]
        if now != actions:
            actions, since = now, loop.time()
    return actions


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return how many values in seconds there are, and p50, p95, p99 and max in milliseconds."""
    if not values:
        return {"count": 0}
    cuts = quantiles([*values, *values], n=100, method="inclusive")  # one value has no quantiles
    shares = {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "max": max(values)}
    return {"count": len(values)} | {name: round(1000 * cut, 1) for name, cut in shares.items()}


def curve(values: Sequence[float]) -> list[float]:
    """Return every twentieth of the sorted values: when 0, 5, 10 ... 100 % of them are reached."""
    ordered = sorted(values)
    return [round(ordered[(len(ordered) - 1) * step // 20], 3) for step in range(21)]
