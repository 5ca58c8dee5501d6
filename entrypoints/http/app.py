"""What answers by HTTP."""

import asyncio
from datetime import UTC, datetime

from fastapi import FastAPI, Response

from entrypoints.answers import bad_input
from entrypoints.http import webhooks
from entrypoints.settings import Settings
from entrypoints.wiring import STATEMENT_TIMEOUT, BoxOffice, payment_notices
from eventstore.slices import Category

SECRET_BYTES_MIN = 16  # fewer can be guessed from one signed notice


def app(settings: Settings, parts: BoxOffice) -> FastAPI:
    """The application; its caller holds the parts open while it serves.

    Raises:
        CommandFailed: a secret is missing or short, so anybody could be the provider.
    """
    secrets = [each.get_secret_value().encode() for each in settings.webhook_secrets]
    if not secrets or min(map(len, secrets)) < SECRET_BYTES_MIN:
        bad_input(
            "BOX_OFFICE_WEBHOOK_SECRETS",
            f"secrets shared with the provider, each of {SECRET_BYTES_MIN} bytes or more",
        )
    application = FastAPI(openapi_url=None)
    application.include_router(webhooks.router(payment_notices(parts), secrets, _now))

    @application.get("/health/live")
    async def live() -> Response:
        return Response()

    @application.get("/health/ready")
    async def ready() -> Response:
        try:
            async with asyncio.timeout(STATEMENT_TIMEOUT.total_seconds()):
                await parts.store.heads(Category("payment"))
        except Exception:  # whatever it is, no notice can be stored
            return Response(status_code=503)
        return Response()

    return application


def _now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  compared with the provider's clock, not the database's
