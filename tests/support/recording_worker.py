"""The worker, and a line in a file for each activity that it starts.

python -m tests.support.recording_worker FILE STEP_SECONDS
"""

import asyncio
import sys
from functools import partial
from typing import Any

from temporalio import activity
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    Worker,
)

from entrypoints import temporal
from entrypoints.errors import exit_code

AT_ONCE = 10  # so that bookings are left when a signal comes


class Recorder(Interceptor):
    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Recorded(next)


class _Recorded(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info = activity.info()
        with open(sys.argv[1], "a") as file:  # noqa: ASYNC230  # no other line comes in between
            at_once = " at once" if info.is_local else ""
            file.write(f"{info.workflow_id} {info.activity_type}{at_once}\n")
        if info.activity_type == "reserve_seats":
            await asyncio.sleep(float(sys.argv[2]))  # so that a signal comes in the middle
        return await super().execute_activity(input)


if __name__ == "__main__":
    vars(temporal)["StepLog"] = Recorder  # in the place of the log's
    vars(temporal)["Worker"] = partial(Worker, max_concurrent_workflow_tasks=AT_ONCE)
    sys.exit(exit_code(lambda: asyncio.run(temporal.run_worker()), as_json=False))
