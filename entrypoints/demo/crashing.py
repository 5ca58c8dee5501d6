"""What coordinates, for the demo: it ends between reserve and confirm, as by a power cut.

As soon as seats are held, and before anybody else can hear of it, the process sends itself SIGKILL.
Everything else is the real worker or, in the choreography, the real consumers.
"""

import asyncio
import os
import signal
from typing import Any, cast

from entrypoints.consumers import consume
from entrypoints.settings import Settings
from entrypoints.temporal import connect_temporal, worker
from entrypoints.wiring import box_office
from ticketing.reservations.api import Refusal, Reserved


async def main() -> None:
    settings = Settings()
    async with box_office(settings) as parts:
        reserve = parts.reservations.reserve

        async def reserve_and_die(*request: Any) -> Refusal:
            answer = await reserve(*request)
            if isinstance(answer, Reserved):
                os.kill(os.getpid(), signal.SIGKILL)
                raise AssertionError("SIGKILL does not return")
            return answer

        cast(Any, parts.reservations).reserve = reserve_and_die
        if settings.process == "choreographed":
            await consume(settings, parts, None, asyncio.Event())
            return
        async with worker(await connect_temporal(settings), settings, parts):
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
