"""Bodies of requests, read up to a limit."""

import asyncio
from datetime import timedelta
from typing import Literal

from starlette.requests import ClientDisconnect, Request

READ_TIMEOUT = timedelta(seconds=10)  # a sender that takes longer holds a connection for nothing


async def read(request: Request, bytes_max: int) -> bytes | Literal["too_large", "unread"]:
    """Read the raw body up to the limit, whatever length was announced."""
    body = bytearray()
    try:
        async with asyncio.timeout(READ_TIMEOUT.total_seconds()):
            async for chunk in request.stream():
                body += chunk
                if len(body) > bytes_max:
                    return "too_large"
    except (TimeoutError, ClientDisconnect):
        return "unread"
    return bytes(body)
