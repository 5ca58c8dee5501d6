"""Logs, traces and the metrics of Temporal's SDK: set up once per process, before anything else.

Logs go to stderr: stdout belongs to the answers. Traces are made only if somebody takes them.
"""

import logging
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from functools import cache
from textwrap import indent
from typing import Any

import structlog
from temporalio import activity, workflow
from temporalio.client import Interceptor
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
)
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput
from temporalio.worker import Interceptor as WorkerInterceptor

from entrypoints.errors import BadSetting
from entrypoints.observability.log_limit import LogLimit
from entrypoints.settings import ENV_FILE, PREFIX, traces_are_exported
from entrypoints.terminal import visible, visible_lines

Line = MutableMapping[str, Any]  # of the log, while it is made

# What lines of libraries, and of workflows, bring with them.
EXTRAS = ("temporal_workflow", "temporal_activity", "temporal_log", "booking_id", "payment_id")

# What Temporal's SDK says of its whereabouts, and our words for it.
WHEREABOUTS = {"workflow_id": "workflow_id", "activity_type": "step", "attempt": "attempt"}
ENTITIES = ("payment", "booking")  # a line about both concerns the payment's process

_log = structlog.get_logger()


def configure(service: str, level: int = logging.INFO) -> None:
    """Set up logs, and traces under the name of the service."""
    configure_logging(level)
    if ENV_FILE:
        _log.info("settings", file=ENV_FILE)
    if traces_are_exported():
        from entrypoints.observability import tracing  # costs a quarter of a second

        tracing.start(service)


def configure_logging(level: int = logging.INFO) -> None:
    """Log one JSON object a line, or readable lines on a terminal; libraries do the same."""
    limit = LogLimit(lambda dropped: _log.warning("log lines dropped", dropped=dropped))
    ours: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        with_ids,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    # JSON has its own escapes, and is ASCII.
    rendering: list[structlog.types.Processor] = (
        [escaped, structlog.dev.ConsoleRenderer()]
        if sys.stderr.isatty()
        else [structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[limit.line, *ours, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    theirs = logging.StreamHandler(sys.stderr)
    theirs.addFilter(limit.record)
    theirs.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.ExtraAdder(EXTRAS),
                structlog.stdlib.add_logger_name,
                *ours,
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[theirs], force=True)
    workflow.logger.workflow_info_on_message = False  # they are fields of the line
    activity.logger.activity_info_on_message = False


@cache
def temporal_runtime(metrics_address: str | None) -> Runtime:
    """Return what Temporal's SDK runs in: it logs as we do, and has its metrics at the address.

    Raises:
        BadSetting: nobody can listen there, or it has a name in the place of an IP address.
    """
    core = LogForwardingConfig(
        logging.getLogger("temporalio.core"),
        append_target_to_name=False,
        prepend_target_on_message=False,
        append_log_fields_to_message=False,
    )
    metrics = metrics_address and PrometheusConfig(
        bind_address=metrics_address,
        # The names of Temporal's documentation.
        counters_total_suffix=True,
        unit_suffix=True,
        durations_as_seconds=True,
    )
    logs = LoggingConfig(LoggingConfig.default.filter, forwarding=core)
    try:
        return Runtime(telemetry=TelemetryConfig(logging=logs, metrics=metrics or None))
    except ValueError as error:
        raise BadSetting(
            f"{PREFIX}METRICS_ADDRESS", f"{metrics_address} cannot be used: {error}"
        ) from error


def temporal_interceptors() -> Sequence[Interceptor]:
    """Return the interceptors of a client, whose workers inherit them."""
    if not traces_are_exported():
        return ()
    from temporalio.contrib.opentelemetry import TracingInterceptor

    return (TracingInterceptor(),)  # replay makes no span again: each is made once


@contextmanager
def traced_command(name: str) -> Iterator[None]:
    """Make one trace of all that a command does in the block, and export it at its end."""
    if not traces_are_exported():
        yield
        return
    from opentelemetry import trace

    from entrypoints.observability import tracing

    tracing.start("box-office-cli")
    try:
        with trace.get_tracer("box_office").start_as_current_span(f"box-office {name}"):
            yield
    finally:
        tracing.flush()


class StepLog(WorkerInterceptor):
    """Logs a line for each step of a process, and its ids in every line of the step."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _LoggedStep(next)


class _LoggedStep(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info = activity.info()
        command = input.args[0] if input.args else None
        ids = {
            "workflow_id": info.workflow_id,
            "step": info.activity_type,
            "attempt": info.attempt,
            "booking_id": getattr(command, "booking_id", None),
        }
        with structlog.contextvars.bound_contextvars(**_known(ids)):
            answer = await super().execute_activity(input)
            came_of_it = {key: getattr(answer, key, None) for key in ("type", "status")}
            _log.info("step done", **_known(came_of_it))
            return answer


def with_ids(_: object, __: str, line: Line) -> Line:
    """Name the process and the entity in every line that concerns one."""
    for source in ("temporal_workflow", "temporal_activity"):
        details = line.pop(source, {})
        line.update({ours: details[sdk] for sdk, ours in WHEREABOUTS.items() if sdk in details})
    if core := line.pop("temporal_log", None):
        line["fields"] = core.fields
    stream = line.get("workflow_id") or line.get("stream") or ""
    for entity in ENTITIES:
        key = f"{entity}_id"
        if stream.startswith(f"{entity}-"):
            line.setdefault(key, stream.removeprefix(f"{entity}-"))
        if key in line:
            line.setdefault("workflow_id", f"{entity}-{line[key]}")
    return line


def escaped(_: object, __: str, line: Line) -> Line:
    """Write control characters of others as escapes; a traceback has several lines, indented."""
    for key, value in line.items():
        if isinstance(value, str):
            line[key] = indent(visible_lines(value), "  ") if key == "exception" else visible(value)
    return line


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
