"""`box-office replay`: would the processes go on as they did on the code that is installed here?"""

import re
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from functools import cache

import typer
from temporalio.client import Client, WorkflowHistory
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer

from entrypoints.cli import answers, inputs
from entrypoints.cli.answers import Json, command
from entrypoints.errors import FINDINGS, Failure
from entrypoints.settings import Settings
from entrypoints.temporal import WORKFLOWS, connect_temporal, workflow_runner
from entrypoints.terminal import say
from ticketing.value import Value

OURS = f"WorkflowType IN ({', '.join(repr(workflow.__name__) for workflow in WORKFLOWS)})"
TOLD_EVERY = 100  # processes; a second or two

app = typer.Typer()


class Deviation(Value):
    """A process that would not go on as it did."""

    workflow_id: str
    run_id: str
    reason: str


class Replayed(Value):
    """What became of a replay."""

    replayed: int  # processes
    deviations: list[Deviation]


@command(app)
async def replay(since: inputs.Since, as_json: Json = False) -> None:
    """Replay processes on the code that is installed here.

    Replays every process that was open since then. Exit code 6 means that some would fail; they are
    named.
    """
    begin = inputs.begin(since)
    settings = Settings()
    client = await connect_temporal(settings)
    recent = f"(ExecutionStatus = 'Running' OR CloseTime >= '{begin}')"
    query = f"{OURS} AND TaskQueue = '{settings.task_queue}' AND {recent}"
    total = (await client.count_workflows(query)).count

    def tell(done: int) -> None:
        if done % TOLD_EVERY == 0:
            say(f"replayed {done} of {total}", to=sys.stderr)

    replayed = await replay_all(client, query, tell=tell)
    found = replayed.deviations
    fail_on(
        found,
        summary=f"{len(found)} of {replayed.replayed} processes would fail on this code",
        answer=replayed,
    )
    text = f"{replayed.replayed} processes replayed: this code goes on with every one"
    answers.show(replayed, text, as_json=as_json)


def fail_on(deviations: list[Deviation], *, summary: str, answer: Value) -> None:
    """End the command with exit code 6 if a process would fail.

    Raises:
        Failure: with the processes that would fail, and why.
    """
    if deviations:
        lines = [f"{process.workflow_id} would fail: {process.reason}" for process in deviations]
        raise Failure(FINDINGS, "Findings", *lines, summary, **answers.plain(answer))


async def replay_all(
    client: Client,
    query: str,
    *,
    workflows: Sequence[type] = WORKFLOWS,
    tell: Callable[[int], None] = lambda _: None,
) -> Replayed:
    """Replay every process that the query finds; nothing is changed on the server.

    Args:
        client: of the namespace.
        query: of Temporal's visibility.
        workflows: the code to replay with.
        tell: is given the number of processes that have been replayed.
    """
    replayer = Replayer(
        workflows=workflows,
        workflow_runner=workflow_runner(),
        data_converter=client.data_converter,
        runtime=_quiet(),
    )
    found: list[Deviation] = []
    replayed = 0
    histories = _histories(client, query)
    async with replayer.workflow_replay_iterator(histories) as results:
        async for result in results:
            replayed += 1
            tell(replayed)
            if result.replay_failure:
                found.append(
                    Deviation(
                        workflow_id=result.history.workflow_id,
                        run_id=result.history.run_id,
                        reason=_reason(result.replay_failure),
                    )
                )
    return Replayed(replayed=replayed, deviations=found)


async def _histories(client: Client, query: str) -> AsyncIterator[WorkflowHistory]:
    """Yield the histories of the processes that still exist; lists name deleted ones, too."""
    async for process in client.list_workflows(query):
        handle = client.get_workflow_handle(process.id, run_id=process.run_id)
        try:
            history = await handle.fetch_history()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        else:
            yield history


def _reason(failure: Exception) -> str:
    """Return the sentence in the SDK's failure, which has all fields of a protocol message."""
    sentence = re.search(r'message: "(.*?)", source: ', str(failure))
    return sentence[1] if sentence else str(failure)


@cache
def _quiet() -> Runtime:
    """Return a runtime without a log, which would repeat each deviation in the SDK's words."""
    return Runtime(telemetry=TelemetryConfig(logging=None))
