"""Temporal's remote codec: the Web UI and `temporal` send it what they cannot read.

It decrypts for whoever reaches it, so it listens on loopback or demands a token, and no page of
another origin is served. It encrypts only where a setting allows it, and only for one workflow.

Protocol: https://docs.temporal.io/production-deployment/data-encryption
"""

import asyncio
import hmac
from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import ip_address
from typing import Annotated, Literal

import structlog
from fastapi import APIRouter, FastAPI, HTTPException, Path, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from google.protobuf.json_format import MessageToJson, Parse, ParseError
from temporalio.api.common.v1 import Payload, Payloads

from entrypoints.errors import BadSetting
from entrypoints.http.bodies import read
from entrypoints.http.server import serving
from entrypoints.interrupts import draining
from entrypoints.observability.health import Readiness, health, routes
from entrypoints.observability.metrics import Metrics
from entrypoints.settings import Settings
from workflows.encryption import (
    EncryptionCodec,
    PayloadRefusedError,
    UnknownKeyError,
    key_ring,
)

BODY_BYTES_MAX = 8 * 1024 * 1024  # Temporal answers with up to 4 MB; base64 adds a third
MARKS = (b'"', b"{", b"[", b",")  # the parser pays for each of them; base64 has none
MARKS_MAX = 30_000  # a thousand payloads; the Web UI asks for those of one event
AT_ONCE = 8  # bodies in memory; the next ones wait, as long as an answer may take
UNREADABLE: dict[Literal["too_large", "unread"], int] = {"too_large": 413, "unread": 408}

ANSWERS = (
    "400: the body holds no payloads. 401: the token is wrong. 403: the page's origin is not "
    "allowed. 408: the body did not arrive in time. 413: the body is too large. 422: a key is "
    "missing, or a payload was changed or is of another workflow."
)

WorkflowId = Annotated[str, Path(pattern=r"^(booking|payment)-[A-Za-z0-9_-]{1,64}$")]
Step = Callable[[Payload], Payload]

_log = structlog.get_logger()


def app(settings: Settings, count: Callable[[int], None] = lambda _: None) -> FastAPI:
    """Return the application; `count` is called with the status of each answer.

    Raises:
        BadSetting: there is no key, or no page that may ask.
    """
    if not settings.payload_keys:
        raise BadSetting(
            "BOX_OFFICE_PAYLOAD_KEYS", "the keys to decode with, as id:base64,id:base64"
        )
    if not settings.codec_origins:
        raise BadSetting(
            "BOX_OFFICE_CODEC_ORIGINS", "where the Web UI is, as http://localhost:8233"
        )
    application = FastAPI(openapi_url=None)
    application.add_middleware(
        CORSMiddleware,
        allow_origins=settings.codec_origins,
        allow_methods=["POST"],
        allow_headers=["Authorization", "Content-Type", "X-Namespace"],
        allow_credentials=True,  # of a login at this server, or in front of it
    )
    application.include_router(_router(settings, _Doorkeeper(settings, count)))
    return application


async def serve_codec(settings: Settings, *, host: str, port: int) -> None:
    """Decode at `/decode`, and encode if a setting allows it, until SIGTERM or Ctrl-C.

    Raises:
        BadSetting: others can reach the host, and no token keeps them out.
    """
    if settings.codec_token is None and not _is_loopback(host):
        raise BadSetting("BOX_OFFICE_CODEC_TOKEN", f"a token, because others can reach {host}")
    metrics = Metrics(())
    # First: a missing key is bad input, and no failure to log.
    application = app(settings, metrics.count_codec_answer)
    async with (
        draining() as drain,
        health(settings, routes(Readiness(drain, {}), metrics)),
        serving(application, host=host, port=port),
    ):
        await drain.wait()


class _Doorkeeper:
    """Lets in who may ask, a few at a time; says and counts what became of each request."""

    def __init__(self, settings: Settings, count: Callable[[int], None]) -> None:
        self._settings = settings
        self._count = count
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def transform(self, request: Request, step: Step) -> Response:
        """Answer with the payloads of the request after the step.

        Raises:
            HTTPException: it is refused.
        """
        self.check(request)
        try:
            async with self._at_once:
                answer = Payloads(payloads=map(step, await _payloads(request)))
                text = MessageToJson(answer, indent=None)
        except (UnknownKeyError, PayloadRefusedError) as error:
            raise self._refused(HTTPException(422, str(error))) from None
        except HTTPException as refusal:
            raise self._refused(refusal) from None
        self._count(200)
        return Response(text, media_type="application/json")

    def check(self, request: Request) -> None:
        """Refuse foreign pages, which browsers name, and callers without the token.

        Raises:
            HTTPException: 403 for an origin that is not allowed, 401 without the token.
        """
        origin = request.headers.get("Origin")
        if origin is not None and origin not in self._settings.codec_origins:
            told = f"origin {origin} is not in BOX_OFFICE_CODEC_ORIGINS"
            raise self._refused(HTTPException(403, told))
        token = self._settings.codec_token
        shown = _shown(request.headers.get("Authorization", ""))
        if token and not hmac.compare_digest(shown, token.get_secret_value().encode()):
            asks = {"WWW-Authenticate": 'Basic realm="codec server"'}  # a browser asks
            raise self._refused(HTTPException(401, "wrong token", asks))

    def _refused(self, refusal: HTTPException) -> HTTPException:
        self._count(refusal.status_code)
        _log.warning("codec refused", status=refusal.status_code, reason=refusal.detail)
        return refusal


def _router(settings: Settings, door: _Doorkeeper) -> APIRouter:
    router = APIRouter()
    # What was written before there was a key is shown, too: nothing is decided upon it here.
    reading = EncryptionCodec(replace(key_ring(settings.payload_keys), plaintext=True))

    @router.get("/")
    async def log_in(request: Request) -> Response:
        """200: the token is right. A browser asks for it here, and then shows it with /decode."""
        door.check(request)
        return Response("The Web UI of this browser can decode now.")

    @router.post("/decode", description=f"Payloads as JSON; the same payloads decoded. {ANSWERS}")
    @router.post(
        "/{workflow_id}/decode", description="The same: an address of both has one beginning."
    )
    async def decode(request: Request) -> Response:
        return await door.transform(request, reading.opened)

    if settings.codec_encodes:

        @router.post(
            "/{workflow_id}/encode",
            description="Payloads as JSON; the same payloads encoded for this workflow, which no "
            f"other one accepts. Only with BOX_OFFICE_CODEC_ENCODES. {ANSWERS}",
        )
        async def encode(request: Request, workflow_id: WorkflowId) -> Response:
            writing = EncryptionCodec(key_ring(settings.payload_keys), workflow_id)
            return await door.transform(request, writing.sealed)

    return router


def _shown(authorization: str) -> bytes:
    """Return the token that is shown as `Bearer`, or to a browser as the password of anybody."""
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return text.encode()
    try:
        return b64decode(text).partition(b":")[2] if scheme.lower() == "basic" else b""
    except ValueError:
        return b""


async def _payloads(request: Request) -> Sequence[Payload]:
    """Read the payloads; `temporal` sends none for a message without arguments.

    Raises:
        HTTPException: 408 or 413, it cannot be read; 400, it is something else.
    """
    body = await read(request, BODY_BYTES_MAX)
    if isinstance(body, str):
        raise HTTPException(UNREADABLE[body], headers={"Connection": "close"})
    if sum(map(body.count, MARKS)) > MARKS_MAX:
        raise HTTPException(413, "too many payloads")
    try:
        return Parse(body, Payloads()).payloads
    except (ParseError, UnicodeDecodeError):
        wanted = 'not {"payloads": [{"metadata": {...}, "data": "base64"}]}'
        raise HTTPException(400, wanted) from None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
