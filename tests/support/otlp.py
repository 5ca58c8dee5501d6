"""Takes the traces that programs export, as a collector would."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.support.http import answering
from tests.support.patience import SOON_SECONDS


@dataclass(frozen=True, slots=True)
class Span:
    service: str
    trace: bytes
    name: str
    attributes: dict[str, str]


@dataclass(slots=True)
class Collector:
    """`url` is for OTEL_EXPORTER_OTLP_ENDPOINT."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, enough: Callable[[], bool]) -> None:
        async with asyncio.timeout(SOON_SECONDS), self._changed:
            await self._changed.wait_for(enough)

    def trace_of(self, name: str) -> list[Span]:
        traces = {span.trace for span in self.spans if span.name == name}
        return [span for span in self.spans if span.trace in traces]

    async def take(self, request: web.Request) -> web.Response:
        export = ExportTraceServiceRequest.FromString(await request.read())
        found = [
            Span(_text(of.resource)["service.name"], span.trace_id, span.name, _text(span))
            for of in export.resource_spans
            for scope in of.scope_spans
            for span in scope.spans
        ]
        async with self._changed:
            self.spans += found
            self._changed.notify_all()
        body = ExportTraceServiceResponse().SerializeToString()
        return web.Response(body=body, content_type="application/x-protobuf")


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    collector = Collector()
    async with answering(collector.take) as collector.url:
        yield collector


def _text(of: object) -> dict[str, str]:
    pairs = getattr(of, "attributes", ())
    return {pair.key: pair.value.string_value for pair in pairs}
