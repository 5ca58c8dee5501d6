"""How the programs of the sandbox are started, and stopped by SIGTERM."""

import signal
import sys
from argparse import ArgumentParser
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

GRACE_SECONDS = 2  # the time that open requests get when the server stops


def parser(name: str, description: str | None) -> ArgumentParser:
    """Return a parser of the options that every program has."""
    options = ArgumentParser(prog=f"python -m sandbox.{name}", description=description)
    options.add_argument("--host", default="127.0.0.1", help="where it listens")
    options.add_argument("--data-dir", type=Path, required=True)
    return options


def serve(app: FastAPI, host: str, port: int, protocol: type[H11Protocol] = H11Protocol) -> None:
    """Serve an application, and its health, until SIGTERM."""
    app.add_api_route("/health", _health)
    # uvicorn shuts down and then raises the signal again, which is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    uvicorn.run(
        app,
        host=host,
        port=port,
        http=protocol,
        ws="none",
        log_level="warning",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


async def _health() -> dict[str, str]:
    return {"status": "ok"}
