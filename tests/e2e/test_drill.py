"""`make deploy-drill`, in a small form: versions are rolled out and back, and nothing is lost."""

import os
from pathlib import Path

import pytest

from entrypoints.devstack.children import claim
from entrypoints.drill import rollout as drill
from entrypoints.drill.versions import VERSIONS
from entrypoints.errors import NotAsTold
from entrypoints.temporal import WORKFLOWS
from tests.support.shell import box_office

TOLD = (  # in this order
    "-> 20 bookings are confirmed and wait for payment",
    "None of the 20 bookings in flight could go on on its code (replayed)",
    "-> ramp to 50 %: of 4 new bookings,",
    "-> 2 is current: all of 2 new bookings began there",
    "-> nothing is open on 1 any more; its worker is stopped",
    "Status WorkflowId Type StartTime Running",
    "-> rolled back: 3 gets nothing new",
    "-> what 3 had begun is moved to 2 (payments: ",
    "-> every client that waited got its answer: nothing was lost",
    "-> nothing is open on 3 any more; its worker is stopped",
    "-> 30 bookings ended as they should: 4 cancelled, 4 expired, 22 settled",
    "verify: clean",
)


@pytest.mark.timeout(240)  # a busy machine; 45 s on an idle one
async def test_bookings_in_flight_survive_a_good_rollout_and_a_bad_one(tmp_path: Path) -> None:
    code, output = await box_office(
        "deploy-drill", "--bookings", "20", environment={"TMPDIR": str(tmp_path)}
    )
    assert code == 0, output
    rest = " ".join(output.split())  # lines break anywhere
    for line in TOLD:
        assert line in rest, output
        rest = rest.split(line, maxsplit=1)[1]
    assert max(map(len, output.splitlines())) <= 80
    assert os.listdir(tmp_path) == []


@pytest.mark.timeout(150)  # a busy machine; 15 s on an idle one
async def test_the_drill_fails_if_version_2_does_not_work_in_another_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(VERSIONS, "2", WORKFLOWS)
    async with claim(tmp_path) as home:
        with pytest.raises(NotAsTold, match="what could go on on 2 is 5, not 0"):
            await drill.tell(home, size=5)
