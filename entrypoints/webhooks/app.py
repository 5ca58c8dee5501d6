"""The program that receives the payment provider's webhooks."""

import asyncio

from fastapi import FastAPI

from entrypoints.errors import BadSetting
from entrypoints.http.server import serving
from entrypoints.interrupts import draining
from entrypoints.observability.health import Readiness, routes
from entrypoints.settings import Settings
from entrypoints.webhooks.routes import router
from entrypoints.wiring import BoxOffice, box_office, needs_of

SECRET_BYTES_MIN = 16  # fewer can be guessed from one signed notice


def app(settings: Settings, parts: BoxOffice, drain: asyncio.Event) -> FastAPI:
    """Return the application; its caller keeps the parts open and sets `drain` as it ends.

    Raises:
        BadSetting: a secret is missing or short, so anybody could be the provider.
    """
    secrets = [secret.get_secret_value().encode() for secret in settings.webhook_secrets]
    if not secrets or min(map(len, secrets)) < SECRET_BYTES_MIN:
        raise BadSetting(
            "BOX_OFFICE_WEBHOOK_SECRETS",
            f"secrets shared with the provider, each of {SECRET_BYTES_MIN} bytes or more",
        )
    application = FastAPI(openapi_url=None)
    application.include_router(router(parts.notices, secrets))
    application.include_router(routes(Readiness(drain, needs_of(parts, None)), parts.metrics))
    return application


async def serve(settings: Settings, *, host: str, port: int) -> None:
    """Receive the provider's notices at `/webhooks/payments` until SIGTERM or Ctrl-C."""
    async with (
        draining() as drain,
        box_office(settings) as parts,
        serving(app(settings, parts, drain), host=host, port=port),
    ):
        await drain.wait()
