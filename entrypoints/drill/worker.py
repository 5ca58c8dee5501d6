"""A worker of the deploy drill's version 2 or 3. All but the workflow code is the real worker."""

import asyncio

from entrypoints import worker
from entrypoints.drill.versions import VERSIONS
from entrypoints.settings import WorkerVersion

if __name__ == "__main__":
    asyncio.run(worker.main(VERSIONS[WorkerVersion().worker_build_id]))
