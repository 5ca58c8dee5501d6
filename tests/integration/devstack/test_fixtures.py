"""What every other test relies on."""

import asyncio
from datetime import datetime, timedelta

import asyncpg
import pytest
from temporalio import workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import HistoryEventFilterType
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import TimeSkipper
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from tests.support.clock import Clock

HOLD = timedelta(minutes=15)
HOUR = timedelta(hours=1)
BEFORE_THE_DEFAULT = 15.0  # seconds; by itself the server lets a client wait for 20


@workflow.defn
class Waiting:
    @workflow.run
    async def run(self) -> datetime:
        await workflow.sleep(HOLD)
        return workflow.now()


async def _start(client: Client, task_queue: str) -> WorkflowHandle[Waiting, datetime]:
    return await client.start_workflow(Waiting.run, id="waiting", task_queue=task_queue)


@pytest.mark.parametrize("turn", ["first", "second"])
async def test_every_test_has_an_empty_database(pool: asyncpg.Pool, turn: str) -> None:
    assert await pool.fetchval("SELECT count(*) FROM es.event") == 0
    await pool.execute("CREATE TABLE es.leftover ()")


async def test_the_clock_of_a_database_runs_ahead_as_told(pool: asyncpg.Pool, clock: Clock) -> None:
    await clock.advance(HOUR)
    await clock.advance(HOUR)
    ahead: timedelta = await pool.fetchval("SELECT es.now() - clock_timestamp()")
    assert round(ahead / HOUR) == 2


async def test_the_next_database_has_the_real_time(pool: asyncpg.Pool) -> None:
    ahead: timedelta = await pool.fetchval("SELECT es.now() - clock_timestamp()")
    assert round(ahead / HOUR) == 0


@pytest.mark.parametrize("turn", ["first", "second"])
async def test_every_test_has_an_empty_namespace(
    client: Client, task_queue: str, turn: str
) -> None:
    handle = await _start(client, task_queue)
    assert handle.id == "waiting"


async def test_a_workflow_is_moved_by_the_time_given(
    client: Client, task_queue: str, env: TimeSkipper
) -> None:
    async with _worker(client, task_queue):
        handle = await _start(client, task_queue)
        assert await env.fast_forward(handle, HOLD - timedelta(minutes=1)) is True
        assert (await handle.describe()).close_time is None
        assert await env.fast_forward(handle, HOLD) is False
        assert await handle.result() > (await handle.describe()).start_time + HOLD


async def test_a_workflow_of_the_skipping_client_skips_every_wait(
    task_queue: str, env: TimeSkipper
) -> None:
    async with _worker(env.client, task_queue):
        handle = await _start(env.client, task_queue)
        assert await handle.result() > (await handle.describe()).start_time + HOLD


async def test_but_not_while_skipping_is_disabled(task_queue: str, env: TimeSkipper) -> None:
    async with _worker(env.client, task_queue):
        with env.with_time_skipping_disabled():
            handle = await _start(env.client, task_queue)
        assert await env.get_time_skipping_info(handle) is None


async def test_a_client_that_was_not_told_of_an_end_asks_again_soon(
    client: Client, task_queue: str
) -> None:
    handle = await _start(client, task_queue)
    wait_for_the_end = GetWorkflowExecutionHistoryRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=handle.id),
        wait_new_event=True,
        history_event_filter_type=HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT,
    )
    async with asyncio.timeout(BEFORE_THE_DEFAULT):
        answer = await client.workflow_service.get_workflow_execution_history(wait_for_the_end)
    assert answer.next_page_token  # nothing has ended: this is what to ask again with


def _worker(client: Client, task_queue: str) -> Worker:
    # The sandbox would import this module again, and asyncpg's C extension with it: that crashes.
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[Waiting],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
