"""Bodies of requests, read up to a limit."""

import asyncio
from contextlib import aclosing
from datetime import timedelta
from typing import Literal

from starlette.requests import ClientDisconnect, Request

READ_TIMEOUT = timedelta(seconds=10)  # a sender that takes longer holds a connection for nothing


async def read(request: Request, bytes_max: int) -> bytes | Literal["too_large", "unread"]:
    """Read the raw body up to the limit, whatever length was announced."""
    body = bytearray()
    try:
        async with (
            asyncio.timeout(READ_TIMEOUT.total_seconds()),
            aclosing(request.stream()) as chunks,  # left open, it would keep what it has read
        ):
            async for chunk in chunks:
                body += chunk
                if len(body) > bytes_max:
                    return "too_large"
    except (TimeoutError, ClientDisconnect):
        return "unread"
    return bytes(body)
