"""Temporal's remote codec: the Web UI and `temporal` send it what they cannot read.

It decrypts for whoever reaches it, so it listens on loopback unless it is told otherwise, and no
page of another origin is served.

Protocol: https://docs.temporal.io/production-deployment/data-encryption
"""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Literal

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from google.protobuf.json_format import MessageToJson, Parse, ParseError
from temporalio.api.common.v1 import Payload, Payloads

from entrypoints.errors import BadSetting
from entrypoints.http.bodies import read
from entrypoints.http.server import serving
from entrypoints.interrupts import draining
from entrypoints.settings import Settings
from workflows.encryption import EncryptionCodec, PayloadRefusedError, UnknownKeyError, key_ring

BODY_BYTES_MAX = 8 * 1024 * 1024  # Temporal answers with up to 4 MB; base64 adds a third
UNREADABLE: dict[Literal["too_large", "unread"], int] = {"too_large": 413, "unread": 408}

DESCRIPTION = (
    "Payloads as JSON, and the same payloads encoded or decoded. 400: the body holds no payloads. "
    "401: the token is wrong. 403: the page's origin is not allowed. 408: the body did not arrive "
    "in time. 413: the body is too large. 422: a key is missing, or a payload was changed."
)

Step = Callable[[Sequence[Payload]], Awaitable[list[Payload]]]


def app(settings: Settings) -> FastAPI:
    """Return the application.

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
    # What was written before there was a key is shown, too: nothing is decided upon it here.
    codec = EncryptionCodec(replace(key_ring(settings.payload_keys), plaintext=True))

    async def decoded(payloads: Sequence[Payload]) -> list[Payload]:
        return [codec.opened(payload) for payload in payloads]

    application = FastAPI(openapi_url=None)
    application.add_middleware(
        CORSMiddleware,
        allow_origins=settings.codec_origins,
        allow_methods=["POST"],
        allow_headers=["Authorization", "Content-Type", "X-Namespace"],
        allow_credentials=True,  # of a login in front of this server, if there is one
    )
    for path, step in (("/encode", codec.encode), ("/decode", decoded)):
        application.add_api_route(
            path, _route(settings, step), methods=["POST"], description=DESCRIPTION
        )
    return application


async def serve_codec(settings: Settings, *, host: str, port: int) -> None:
    """Encode at `/encode` and decode at `/decode` until SIGTERM or Ctrl-C."""
    application = app(settings)  # first: a missing key is bad input, and no failure to log
    async with draining() as drain, serving(application, host=host, port=port):
        await drain.wait()


def _route(settings: Settings, step: Step) -> Callable[[Request], Awaitable[Response]]:
    async def transform(request: Request) -> Response:
        _check_caller(request, settings)
        body = await read(request, BODY_BYTES_MAX)
        if isinstance(body, str):
            raise HTTPException(UNREADABLE[body], headers={"Connection": "close"})
        try:
            answer = Payloads(payloads=await step(_payloads(body)))
        except (UnknownKeyError, PayloadRefusedError) as error:
            raise HTTPException(422, str(error)) from None
        return Response(MessageToJson(answer, indent=None), media_type="application/json")

    return transform


def _check_caller(request: Request, settings: Settings) -> None:
    """Refuse foreign pages, which browsers name, and callers without the token.

    Raises:
        HTTPException: 403 for an origin that is not allowed, 401 without the token.
    """
    origin = request.headers.get("Origin")
    if origin is not None and origin not in settings.codec_origins:
        raise HTTPException(403, f"origin {origin} is not in BOX_OFFICE_CODEC_ORIGINS")
    if settings.codec_token is None:
        return
    wanted = f"Bearer {settings.codec_token.get_secret_value()}"
    if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), wanted.encode()):
        raise HTTPException(401, "wrong token", {"WWW-Authenticate": "Bearer"})


def _payloads(body: bytes) -> Sequence[Payload]:
    """Parse the payloads; `temporal` sends none for a message without arguments.

    Raises:
        HTTPException: 400, it is something else.
    """
    try:
        return Parse(body, Payloads()).payloads
    except (ParseError, UnicodeDecodeError):
        wanted = 'not {"payloads": [{"metadata": {...}, "data": "base64"}]}'
        raise HTTPException(400, wanted) from None
