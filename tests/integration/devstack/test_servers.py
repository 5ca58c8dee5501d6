"""The embedded servers: they never outlive their parent, and forget nothing when killed."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from temporalio.client import Client

from entrypoints.devstack import children
from entrypoints.devstack.children import child, claim, free_port
from entrypoints.devstack.servers import postgres, temporal_server
from entrypoints.errors import StackError
from tests.support.programs import until_told

ROOT = Path(__file__).parents[3]

# Runs both servers with something in them until it is killed; prints their process ids.
PARENT = """
import asyncio, sys
from pathlib import Path
import asyncpg
from temporalio.client import Client
from entrypoints.devstack.children import claim
from entrypoints.devstack.servers import postgres, temporal_server

async def main():
    async with (
        claim(Path(sys.argv[1])) as home,
        postgres(home) as database,
        temporal_server(home) as temporal,
    ):
        connection = await asyncpg.connect(database.url())
        await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        client = await Client.connect(temporal.address)
        await client.start_workflow("Kept", id="kept", task_queue="nobody works here")
        print(database.child.pid, temporal.child.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
IGNORES_SIGTERM = "trap '' TERM; echo ready; while :; do read line < /dev/zero; done"


@asynccontextmanager
async def _parent(directory: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, list[int]]]:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, directory), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert parent.stdout is not None
        yield parent, [int(pid) for pid in (await parent.stdout.readline()).split()]
    finally:
        if parent.returncode is None:
            parent.kill()
        await parent.communicate()


async def _assert_nothing_is_lost(directory: Path) -> None:
    async with (
        claim(directory) as home,
        postgres(home) as database,
        temporal_server(home) as temporal,
    ):
        connection = await asyncpg.connect(database.url())
        assert await connection.fetchval("SELECT answer FROM kept") == 42
        await connection.close()
        client = await Client.connect(temporal.address)
        assert (await client.get_workflow_handle("kept").describe()).workflow_type == "Kept"


async def test_servers_end_when_their_parent_is_killed_and_forget_nothing(tmp_path: Path) -> None:
    async with _parent(tmp_path) as (parent, _):
        with pytest.raises(StackError, match=f"in use by process {parent.pid}"):
            async with claim(tmp_path):
                pass
        parent.kill()
        await parent.wait()
        async with claim(tmp_path):  # every server held the claim as well: they are gone
            pass
    await _assert_nothing_is_lost(tmp_path)


def test_reserved_ports_are_all_different() -> None:
    assert len({free_port() for _ in range(100)}) == 100


async def test_a_server_that_does_not_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    data = tmp_path / "postgres"
    data.mkdir()
    async with claim(tmp_path) as home:
        with pytest.raises(StackError, match=r"postgres did not start(.|\n)*postgresql.conf"):
            async with postgres(home):
                pass


async def test_a_stubborn_child_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "STOP_SECONDS", 0.1)
    async with claim(tmp_path) as home:
        async with child(home, "stubborn", ["sh", "-c", IGNORES_SIGTERM]) as stubborn:
            await until_told(stubborn.log, "ready")
        assert await stubborn.wait() == -signal.SIGKILL


async def test_a_child_hears_of_its_environment_and_is_told_to_stop(tmp_path: Path) -> None:
    async with claim(tmp_path) as home:
        command = ["sh", "-c", 'echo "$GREETING"; exit 7']
        async with child(home, "polite", command, environment={"GREETING": "hello"}) as polite:
            assert await polite.wait() == 7
        assert polite.log_tail() == "hello"
        async with child(home, "sleeper", ["sleep", "60"]) as sleeper:
            assert sleeper.is_running()
        assert await sleeper.wait() == -signal.SIGTERM
