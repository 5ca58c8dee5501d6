"""A worker of the deploy drill's version 2 or 3. All but the workflow code is the real worker."""

import asyncio

from entrypoints.drill.versions import VERSIONS
from entrypoints.settings import WorkerVersion
from entrypoints.temporal import run_worker

if __name__ == "__main__":
    asyncio.run(run_worker(VERSIONS[WorkerVersion().worker_build_id]))
