"""`python -m entrypoints.http`: receives the payment provider's notices."""

import asyncio
import sys

import typer

from entrypoints import answers
from entrypoints.children import LOOPBACK
from entrypoints.http.app import serve
from entrypoints.settings import Settings
from entrypoints.telemetry import configure


def main(host: str = LOOPBACK, port: int = 8080) -> None:
    """Receive the payment provider's notices until SIGTERM or Ctrl-C."""

    async def command() -> None:
        await serve(Settings(), host=host, port=port)

    configure("box-office-http")
    sys.exit(answers.exit_code(lambda: asyncio.run(command()), as_json=False))


if __name__ == "__main__":
    typer.run(main)
