"""The pages of what answers by HTTP, and of the metrics that are read there."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from pydantic import SecretStr

from docs.tools.markdown import code, table
from entrypoints.codec_server import app as codec_server
from entrypoints.http.connection import ANSWER_TIMEOUT, CONNECTIONS_MAX, REQUEST_TIMEOUT
from entrypoints.observability.health import Readiness
from entrypoints.observability.health import routes as health_routes
from entrypoints.observability.metrics import PREFIX, Metrics, VerificationMetrics
from entrypoints.settings import Settings
from entrypoints.webhooks.routes import STATUS
from entrypoints.webhooks.routes import router as webhook_routes
from eventstore.postgres.log import OUTCOMES
from ticketing.metrics.postgres import METRICS

KEY = SecretStr("docs:" + "A" * 43 + "=")

INTRODUCTION = f"""\
# HTTP

Three programs answer by HTTP. None of them is for clients: those book through the command line or
through Temporal.

A request has {REQUEST_TIMEOUT.total_seconds():g} s to arrive, its body as long again, and its
answer is read within {ANSWER_TIMEOUT.total_seconds():g} s; otherwise the connection ends. A server
has {CONNECTIONS_MAX} connections at most: for a new one, those end that have owed a request for the
longest time.
"""
WEBHOOKS = """\
## The receiver of notices

`box-office webhooks` receives what the payment provider sends. The header `Provider-Signature` is
`t=<unix seconds>,v1=<hex HMAC-SHA256 over "<t>.<body>">`, the body is a
[Notice](messages.md#notice). The provider sends a notice again until the answer is 200.
"""
HEALTH = """\
## The health of every program

At `BOX_OFFICE_HEALTH_ADDRESS`, and at the port of the receiver of notices.
"""
CODEC = """\
## The codec server

`box-office codec-server` lets Temporal's Web UI read encrypted payloads:
[encryption](../encryption.md).
"""
METRICS_INTRODUCTION = """\
# Metrics

What `/metrics` shows in Prometheus' text format. The counters and `box_office_dependency_up` are of
one process, and `box_office_verify_…` is shown by `box-office verify --every`. Everything else is
measured in the database by the program of the consumers, so two processes show the same and a query
takes the maximum
([decision 10](../decisions/0010-measures-of-the-business-come-from-the-database.md)).
"""
SDK = """\
The worker's second endpoint, `BOX_OFFICE_METRICS_ADDRESS`, shows the metrics of Temporal's SDK and
`refund_attempts_failed_total`: the refunds that the provider did not make when asked
([the activity](../../activities/provider.py)). [The alerts](../../deploy/prometheus/alerts.yml) and
[the dashboard](../../deploy/grafana/box-office.json) are made of these names.
"""


def http_page() -> str:
    """Return docs/reference/http.md."""
    webhooks = webhook_routes(cast(Any, None), ())
    health = health_routes(Readiness(asyncio.Event(), {}), Metrics(OUTCOMES))
    codec = codec_server.app(
        Settings(payload_keys=(KEY,), codec_origins=("http://localhost",), codec_encodes=True)
    )
    outcomes = table(
        ("outcome", "status"), [(code(outcome), str(status)) for outcome, status in STATUS.items()]
    )
    return "\n".join(
        [
            *(INTRODUCTION, WEBHOOKS, _routes(_application(webhooks)), outcomes),
            *(HEALTH, _routes(_application(health)), CODEC, _routes(codec)),
        ]
    )


def metrics_page() -> str:
    """Return docs/reference/metrics.md."""
    metrics = Metrics(OUTCOMES)
    for dependency in ("postgres", "temporal"):
        metrics.dependencies.labels(dependency)
    metrics.count_codec_answer(200)
    measured = [
        (code(PREFIX + metric.name), "gauge", metric.help, _listed(metric.labels))
        for metric in METRICS
    ]
    VerificationMetrics(verified := CollectorRegistry())
    rows = [*_families(metrics.registry.collect()), *measured, *_families(verified.collect())]
    return "\n".join(
        [METRICS_INTRODUCTION, table(("name", "kind", "what it says", "labels"), rows), SDK]
    )


def _families(families: Iterable[Metric]) -> Iterator[Sequence[str]]:
    for family in families:
        labels = dict.fromkeys(label for sample in family.samples for label in sample.labels)
        yield code(family.samples[0].name), family.type, family.documentation, _listed(labels)


def _listed(labels: Iterable[str]) -> str:
    return ", ".join(map(code, labels))


def _application(router: APIRouter) -> FastAPI:
    application = FastAPI()
    application.include_router(router)
    return application


def _routes(application: FastAPI) -> str:
    rows = [
        (code(f"{method.upper()} {path}"), operation["description"])
        for path, methods in application.openapi()["paths"].items()
        for method, operation in methods.items()
    ]
    return table(("path", ""), rows)
