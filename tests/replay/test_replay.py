"""Processes that began with the code of some day go on with the code of today."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, WorkflowRunner

from entrypoints.temporal import WORKFLOWS, workflow_runner
from tests.replay.paths import PATHS
from tests.replay.record import GENERATION, HISTORIES, IDENTITY
from workflows.booking import BookingWorkflow
from workflows.encryption import data_converter

FILES = sorted(HISTORIES.rglob("*.json"))


def replayer(runner: WorkflowRunner) -> Replayer:
    return Replayer(workflows=WORKFLOWS, workflow_runner=runner, data_converter=data_converter())


def histories(files: Iterable[Path]) -> list[WorkflowHistory]:
    return [WorkflowHistory.from_json(file.stem, file.read_text()) for file in files]


async def test_every_recorded_process_goes_on_as_it_did() -> None:
    today = replayer(workflow_runner())
    for file, history in zip(FILES, histories(FILES), strict=True):
        result = await today.replay_workflow(history, raise_on_replay_failure=False)
        assert result.replay_failure is None, file


def test_every_path_is_recorded_to_its_end() -> None:
    today = [file for file in FILES if GENERATION in file.parts and file.stem == "booking-b1"]
    assert {file.parent.name for file in today} == set(PATHS)
    for file, history in zip(FILES, histories(FILES), strict=True):
        last = history.events[-1]
        assert last.HasField("workflow_execution_completed_event_attributes"), file


def test_a_history_does_not_tell_where_it_was_recorded() -> None:
    text = "".join(file.read_text() for file in FILES)
    assert set(re.findall(r'"identity":"(.*?)"', text)) == {IDENTITY, "history-service"}
    assert "stackTrace" not in text


async def test_a_process_that_releases_no_seats_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def forget(_: BookingWorkflow) -> None: ...

    monkeypatch.setattr(BookingWorkflow, "_release", forget)
    (history,) = histories([HISTORIES / GENERATION / "cancelled_while_waiting" / "booking-b1.json"])
    with pytest.raises(workflow.NondeterminismError):
        await replayer(UnsandboxedWorkflowRunner()).replay_workflow(history)
