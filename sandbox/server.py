"""How the programs of the sandbox are started, and stopped by SIGTERM."""

import signal
import sys
from argparse import ArgumentParser
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
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
    app.add_middleware(OwnPagesOnly)
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


class OwnPagesOnly:
    """Refuses what the page of another site makes a browser send.

    A browser names the page's origin. If the page's own name was made to lead here, it names that.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self.app
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            host = headers.get("Host", "")
            if not _is_no_site(host) or headers.get("Origin", f"http://{host}") != f"http://{host}":
                answer = PlainTextResponse("another site's page", 403)
        await answer(scope, receive, send)


def _is_no_site(host: str) -> bool:
    """Return whether this is an IP address or a name without a dot, which no site has."""
    try:
        name = urlsplit(f"//{host}").hostname or "."
        return "." not in name or bool(ip_address(name))
    except ValueError:
        return False


async def _health() -> dict[str, str]:
    return {"status": "ok"}
