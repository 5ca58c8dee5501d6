"""Records how the processes run today, for test_replay.py.

    python -m tests.replay.record [path ...]

Each path of paths.py runs in a database and a namespace of its own, on servers started for it;
the histories of its processes go to histories/<generation>/<path>/. With names, only these paths
are recorded.

A history stands for the processes that run while new code is deployed. So those of earlier
generations stay as they are, for as long as a process that began like one of them may be running.
"""

import asyncio
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import asyncpg
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from entrypoints.devstack.children import claim
from entrypoints.devstack.servers import Postgres, TemporalServer, postgres, temporal_server
from entrypoints.settings import Settings
from entrypoints.wiring import migrate_database
from tests.conftest import fresh_namespace
from tests.replay.paths import PATHS
from tests.support import provider
from tests.support.stage import opened_stage
from workflows.encryption import data_converter

HISTORIES = Path(__file__).parent / "histories"
# The code that these were recorded by; a change of the steps begins a new generation.
GENERATION = "2-asks-the-provider"
PROCESSES = ("booking-b1", "payment-p1")
IDENTITY = "recorder"  # not the process id and the host that are the default
PROCESS_AND_HOST = re.compile(r"\b\d+@[\w.-]+")  # the identity of a worker that was killed
LEFT_OUT = {"stackTrace", "taskId", "requestId", "header"}  # no replay reads them


async def main(names: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="box-office-") as directory:
        async with (
            claim(Path(directory)) as home,
            postgres(home, durable=False) as database,
            temporal_server(home, durable=False) as temporal,
        ):
            for name in names or PATHS:
                async with provider.running(home.directory / name, home) as company:
                    settings = Settings(
                        database_url=await fresh_database(database, name),
                        provider_url=company.url,
                        task_queue=name,
                    )
                    processes = await record(name, settings, temporal)
                print(f"{name}: {', '.join(processes)}", flush=True)
    await asyncio.sleep(0.5)  # the SDK's threads go idle before Python exits (sdk-python#300)


async def record(name: str, settings: Settings, temporal: TemporalServer) -> list[str]:
    """Walk a path, and write the histories of its processes; their ids."""
    client = await Client.connect(
        temporal.address,
        namespace=await fresh_namespace(temporal),
        data_converter=data_converter(),
        identity=IDENTITY,
    )
    async with opened_stage(settings, client) as stage:
        await PATHS[name](stage, client)
    directory = HISTORIES / GENERATION / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return [id for id in PROCESSES if await write_history(client, id, directory)]


async def write_history(client: Client, process: str, directory: Path) -> bool:
    """One event a line. False if the path has no such process."""
    try:
        history = await client.get_workflow_handle(process).fetch_history()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False
    events = scrubbed(history.to_json_dict()["events"])
    lines = ",\n".join(json.dumps(event, separators=(",", ":")) for event in events)
    lines = PROCESS_AND_HOST.sub(IDENTITY, lines)
    (directory / f"{process}.json").write_text(f'{{"events":[\n{lines}\n]}}\n')
    return True


def scrubbed(value: Any) -> Any:
    """Without what says where it was recorded."""
    if isinstance(value, dict):
        return {key: scrubbed(part) for key, part in value.items() if key not in LEFT_OUT}
    return [scrubbed(part) for part in value] if isinstance(value, list) else value


async def fresh_database(server: Postgres, name: str) -> str:
    connection = await asyncpg.connect(server.url("postgres"))
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()
    await migrate_database(Settings(database_url=server.url(name)))
    return server.url(name)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
