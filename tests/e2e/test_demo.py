"""`box-office demo`: what the first look at the project shows."""

import os
from pathlib import Path

import pytest

from tests.support.shell import box_office

WEB_UI = "Web UI: http://127.0.0.1:"
TOLD = (  # in this order
    "-> ann-1 is confirmed: 10.00 EUR, to be paid by",
    "-> ann-1 is settled",
    "-> bob-1 is denied: seats_unavailable: 3-15",
    "-> cleo-1 is confirmed",
    "-> cleo-1 is expired",
    "Seats 1-1 and 1-2 are free again.",
    "-> dan-1 is cancelled",
    "-> eve-1 is settled: free of charge",
    "died of SIGKILL",
    "The seat map says: 9-9 is held by finn-1",
    "The log says: BookingPlaced\n",
    "-> finn-1 is confirmed",
    "verify: clean",
)


@pytest.mark.timeout(150)  # a busy machine; 25 s on an idle one
@pytest.mark.parametrize("process", ["orchestrated", "choreographed"])
async def test_the_demo_tells_its_story_and_leaves_nothing(tmp_path: Path, process: str) -> None:
    environment = {"TMPDIR": str(tmp_path), "BOX_OFFICE_PROCESS": process}
    code, output = await box_office("demo", environment=environment)
    assert code == 0, output
    assert (WEB_UI in output) == (process == "orchestrated")
    rest = output
    for line in TOLD:
        assert line in rest, output
        rest = rest.split(line, maxsplit=1)[1]
    assert max(map(len, output.splitlines())) <= 80
    assert os.listdir(tmp_path) == []
