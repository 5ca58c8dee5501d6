"""Whoever makes a program log a line a request does not fill its disk, nor hide other lines."""

import json
import subprocess
import sys

FLOOD = """
import logging, time
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
time.sleep(1.5)
ours.warning("notice refused", reason="a second later")
"""


def test_of_a_flood_a_few_lines_are_written_and_the_others_are_counted() -> None:
    ran = subprocess.run((sys.executable, "-c", FLOOD), capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    events = [line["event"] for line in lines]
    refused, invalid = events.count("notice refused") - 1, "uvicorn.error: Invalid HTTP request"
    assert 20 <= refused < 1_000, "twenty in each second that the flood took"
    assert events.count("consumer stops") == 1
    assert events.count("notice received") == 100
    assert lines[-1]["reason"] == "a second later"
    dropped = [line["dropped"] for line in lines if line["event"] == "log lines dropped"]
    assert sum(counts.get("notice refused", 0) for counts in dropped) == 10_000 - refused
    assert any(kind.startswith(invalid) for counts in dropped for kind in counts)
