"""Runs a Temporal worker until SIGTERM or Ctrl-C, as `box-office worker` does."""

import asyncio
import sys

from entrypoints.errors import exit_code
from entrypoints.temporal import run_worker

if __name__ == "__main__":
    sys.exit(exit_code(lambda: asyncio.run(run_worker()), as_json=False))
