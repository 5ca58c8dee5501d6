"""Runs a Temporal worker until SIGTERM or Ctrl-C, as `box-office worker` does."""

import asyncio
import sys

from entrypoints.cli.answers import exit_code
from entrypoints.worker import main

if __name__ == "__main__":
    sys.exit(exit_code(lambda: asyncio.run(main()), as_json=False))
