"""The routes /live, /ready and /metrics of a process of ours."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from entrypoints.http.server import serving
from entrypoints.observability.metrics import Metrics
from entrypoints.settings import Settings
from ticketing.metrics.api import Samples

ANSWER_WITHIN_SECONDS = 0.8  # a prober's own patience is 1 s by default (Kubernetes)
ASKED_FOR_SECONDS = 1.0  # an answer is as good as new: probes cost little, however many come

Ask = Callable[[], Awaitable[object]]


class Readiness:
    """Whether a process can work: it is not draining, and reaches the servers that it needs."""

    def __init__(self, drain: asyncio.Event, needs: Mapping[str, Ask]) -> None:
        self._drain = drain
        self._needs = needs
        self._troubles: dict[str, str | None] = {}
        self._asked_until = 0.0
        self._lock = asyncio.Lock()

    async def troubles(self) -> Mapping[str, str]:
        """Return what keeps the process from its work; nothing if it is ready."""
        needs = {need: why for need, why in (await self.needs()).items() if why is not None}
        return needs | ({"process": "draining"} if self._drain.is_set() else {})

    async def needs(self) -> Mapping[str, str | None]:
        """Return each server that it needs and what is wrong with it, at most a second old."""
        time = asyncio.get_running_loop().time
        async with self._lock:
            if time() >= self._asked_until:
                async with asyncio.TaskGroup() as group:
                    asked = {
                        need: group.create_task(_trouble(ask)) for need, ask in self._needs.items()
                    }
                self._troubles = {need: task.result() for need, task in asked.items()}
                self._asked_until = time() + ASKED_FOR_SECONDS
        return self._troubles


def routes(
    readiness: Readiness, metrics: Metrics, measure: Callable[[], Awaitable[Samples]] | None = None
) -> APIRouter:
    """Return the three routes; with `measure` they show the measures of the database, too."""
    router = APIRouter()

    @router.get("/live")
    async def live() -> Response:
        """200: the program's loop ticks."""
        return Response()

    @router.get("/ready")
    async def ready() -> JSONResponse:
        """200 if it can work, else 503; the body names each server that it does not reach."""
        troubles = await readiness.troubles()
        return JSONResponse({"ready": not troubles, "troubles": troubles}, 503 if troubles else 200)

    @router.get("/metrics")
    async def show_metrics() -> Response:
        """200: the metrics, in Prometheus' text format."""
        needs = await readiness.needs()
        for need, why in needs.items():
            metrics.dependencies.labels(need).set(why is None)
        if measure and needs["postgres"] is None:
            await metrics.measure(measure)
        else:
            metrics.forget()  # a number that is not true any more misleads
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return router


@asynccontextmanager
async def health(settings: Settings, router: APIRouter) -> AsyncIterator[None]:
    """Serve the routes at `BOX_OFFICE_HEALTH_ADDRESS`, if there is one.

    Raises:
        Failure: nobody can listen there.
    """
    if not settings.health_address:
        yield
        return
    application = FastAPI(openapi_url=None)
    application.include_router(router)
    host, _, port = settings.health_address.rpartition(":")
    async with serving(application, host=host.strip("[]"), port=int(port)):
        yield


async def _trouble(ask: Ask) -> str | None:
    """Ask without `asyncio.timeout`, which waits 5 s for the driver of a silent server."""
    asking = asyncio.ensure_future(ask())
    answered, _ = await asyncio.wait({asking}, timeout=ANSWER_WITHIN_SECONDS)
    if not answered:
        asking.cancel()
        asking.add_done_callback(lambda late: late.cancelled() or late.exception())
        return f"no answer within {ANSWER_WITHIN_SECONDS} s"
    error = asking.exception()  # whatever it is, the process cannot work
    return type(error).__name__ if error else None
