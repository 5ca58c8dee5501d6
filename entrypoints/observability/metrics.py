"""What Prometheus reads of a process of ours, in a registry of its own.

Counters are the process's. Measures are of the whole database: where several processes show them
they show the same, so a query takes the maximum (docs/decisions/0010).
"""

import asyncio
from collections import Counter as Counted
from collections.abc import Awaitable, Callable, Iterable, Iterator

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ticketing.metrics.api import Samples

PREFIX = "box_office_"
MEASURED_FOR_SECONDS = 5.0  # Prometheus comes every 15 s
MEASURING_SHARE = 0.05  # of the time, at most, however long it takes on a large database

disable_created_metrics()  # type: ignore[no-untyped-call]  # a library without types

_log = structlog.get_logger()


class VerificationMetrics:
    """What the verification of the whole system found."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._findings = Gauge(
            f"{PREFIX}verify_findings",
            "Broken promises that two verifications in a row found, by the promise.",
            ["kind"],
            registry=registry,
        )
        self._clean_at = Gauge(
            f"{PREFIX}verify_clean_timestamp_seconds",
            "When a verification last found everything in order; 0 if none did yet.",
            registry=registry,
        )
        self._findings.labels("log")
        self._kinds = {"log"}  # once shown, a kind stays and is 0 when nothing is left of it

    def show(self, kinds: Iterable[str], *, clean: bool) -> None:
        """Show a finding of each of these kinds, or that everything is in order."""
        found = Counted(kinds)
        self._kinds |= found.keys()
        for kind in self._kinds:
            self._findings.labels(kind).set(found[kind])
        if clean:
            self._clean_at.set_to_current_time()


class Metrics(Collector):
    """All metrics of a process; `appends` are the outcomes that an append may have."""

    def __init__(self, appends: Iterable[str]) -> None:
        self.registry = CollectorRegistry()
        self._appends = Counter(
            f"{PREFIX}appends",
            "Commands that this process appended to the log, by outcome.",
            ["outcome"],
            registry=self.registry,
        )
        for outcome in appends:
            self._appends.labels(outcome)  # shown as 0 until the first: a rate needs both
        self._codec_answers = Counter(
            f"{PREFIX}codec_answers",
            "Answers of the codec server, by status.",
            ["status"],
            registry=self.registry,
        )
        self.dependencies = Gauge(
            f"{PREFIX}dependency_up",
            "Whether this process reaches a server that it needs.",
            ["dependency"],
            registry=self.registry,
        )
        self._samples: Samples = {}
        self._next_at = 0.0
        self._lock = asyncio.Lock()
        self.registry.register(self)

    def count_append(self, outcome: str) -> None:
        self._appends.labels(outcome).inc()

    def count_codec_answer(self, status: int) -> None:
        self._codec_answers.labels(status).inc()

    async def measure(self, measure: Callable[[], Awaitable[Samples]]) -> None:
        """Measure again, unless it was done a moment ago. Nothing is shown after a failure."""
        time = asyncio.get_running_loop().time
        async with self._lock:
            begun = time()
            if begun < self._next_at:
                return
            try:
                self._samples = await measure()
            except Exception as error:  # the counters are shown all the same
                self._samples = {}
                _log.warning("not measured", error=repr(error))
            ended = time()
            self._next_at = ended + max(MEASURED_FOR_SECONDS, (ended - begun) / MEASURING_SHARE)

    def forget(self) -> None:
        """Show no measures until they are measured again."""
        self._samples, self._next_at = {}, 0.0

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the measures to the registry."""
        for measure, samples in self._samples.items():
            family = GaugeMetricFamily(PREFIX + measure.name, measure.help, labels=measure.labels)
            for labels, value in samples.items():
                family.add_metric(labels, value)
            yield family
