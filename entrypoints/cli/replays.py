"""Would the processes of a namespace go on as they did, on the code that is installed here?"""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from functools import cache

from temporalio.client import Client, WorkflowHistory
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.worker import Replayer

from entrypoints.temporal import WORKFLOWS, workflow_runner
from ticketing.value import Value

OURS = f"WorkflowType IN ({', '.join(repr(each.__name__) for each in WORKFLOWS)})"


class Deviation(Value):
    """A process that would not go on as it did."""

    workflow_id: str
    run_id: str
    reason: str


class Replayed(Value):
    """What became of a replay."""

    replayed: int  # processes
    deviations: list[Deviation]


async def replay(
    client: Client,
    query: str,
    *,
    workflows: Sequence[type] = WORKFLOWS,
    tell: Callable[[int], None] = lambda _: None,
) -> Replayed:
    """Replays every process that the query finds.

    Args:
        client: of the namespace; nothing is changed there.
        query: of Temporal's visibility.
        workflows: the code to replay with.
        tell: is given the number of those that have been replayed.
    """
    replayer = Replayer(
        workflows=workflows,
        workflow_runner=workflow_runner(),
        data_converter=client.data_converter,
        runtime=_quiet(),
    )
    found: list[Deviation] = []
    replayed = 0
    histories: AsyncIterator[WorkflowHistory] = client.list_workflows(query).map_histories()
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


def ran_since(instant: datetime, task_queue: str) -> str:
    """The query for what ran at some time since then, however long ago it began."""
    recent = f"(ExecutionStatus = 'Running' OR CloseTime >= '{instant.isoformat()}')"
    return f"{OURS} AND TaskQueue = '{task_queue}' AND {recent}"


def _reason(failure: Exception) -> str:
    """The sentence in the SDK's failure, which comes with all the fields of a protocol message."""
    sentence = re.search(r'message: "(.*?)", source: ', str(failure))
    return sentence[1] if sentence else str(failure)


@cache
def _quiet() -> Runtime:
    """The SDK's own log would tell of each deviation once more, in its words."""
    return Runtime(telemetry=TelemetryConfig(logging=None))
