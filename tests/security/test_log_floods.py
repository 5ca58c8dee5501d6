"""Whoever makes a program log a line a request does not fill its disk, nor hide other lines."""

import json
import subprocess
import sys

from entrypoints.observability.log_limit import PER_SECOND, LogLimit

FLOOD = """
import logging, threading
import structlog
from entrypoints.observability.telemetry import configure_logging
configure_logging()
ours, theirs = structlog.get_logger(), logging.getLogger("uvicorn.error")
for number in range(10_000):
    ours.warning("notice refused", reason=f"guess {number}")
    theirs.warning("Invalid HTTP request received: %s", number)
ours.warning("consumer stops")
for number in range(100):
    ours.info("notice received", notice_id=number)
for thread in threading.enumerate():
    if isinstance(thread, threading.Timer):
        thread.join()  # it tells what was dropped
"""


def test_of_a_flood_a_few_lines_are_written_and_the_others_are_counted() -> None:
    ran = subprocess.run((sys.executable, "-c", FLOOD), capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    events = [line["event"] for line in lines]
    refused, invalid = events.count("notice refused"), "uvicorn.error: Invalid HTTP request"
    assert 20 <= refused < 1_000, "twenty in each second that the flood took"
    assert events.count("consumer stops") == 1
    assert events.count("notice received") == 100
    dropped = [line["dropped"] for line in lines if line["event"] == "log lines dropped"]
    assert sum(counts.get("notice refused", 0) for counts in dropped) == 10_000 - refused
    assert any(kind.startswith(invalid) for counts in dropped for kind in counts)


def test_a_second_later_lines_of_the_kind_are_written_again() -> None:
    now = 0.0
    limit = LogLimit(lambda _: None, clock=lambda: now)
    assert [limit.passes("refused") for _ in range(PER_SECOND + 1)] == [True] * PER_SECOND + [False]
    assert limit.passes("stored")
    now = 1.0
    assert limit.passes("refused")
