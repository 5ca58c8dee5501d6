"""The whole system on this machine: its servers, our processes, and other companies' in sandboxes.

One more program is one more line of `programs`.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from secrets import token_hex
from shlex import quote

from pydantic import HttpUrl, PostgresDsn, SecretStr
from temporalio.client import Client

from entrypoints.devstack.children import Child, Home, child, free_port
from entrypoints.devstack.cluster import as_role
from entrypoints.devstack.servers import Postgres, listens, postgres, temporal_server, until_ready
from entrypoints.errors import StackError
from entrypoints.roles import OWNER, name_of
from entrypoints.settings import LOOPBACK, PREFIX, Settings
from entrypoints.wiring import migrate_database
from workflows.encryption import data_converter

Say = Callable[[str], None]
HEALTH, METRICS = f"{PREFIX}HEALTH_ADDRESS", f"{PREFIX}METRICS_ADDRESS"
DATABASE = f"{PREFIX}DATABASE_URL"
OF_CLIENTS = ("database_url", "provider_url", "mail_url", "process")  # settings a command needs


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where the parts listen, on the loopback device; free ports by default."""

    postgres: int = field(default_factory=free_port)
    temporal: int = field(default_factory=free_port)
    ui: int = field(default_factory=free_port)
    webhooks: int = field(default_factory=free_port)
    provider: int = field(default_factory=free_port)
    smtp: int = field(default_factory=free_port)
    mail: int = field(default_factory=free_port)
    worker_health: int = field(default_factory=free_port)
    worker_metrics: int = field(default_factory=free_port)
    consumers_health: int = field(default_factory=free_port)
    verify_health: int = field(default_factory=free_port)
    codec: int = field(default_factory=free_port)

    def check(self) -> None:
        """Check that nobody else listens there.

        Raises:
            StackError: somebody does.
        """
        for name, port in asdict(self).items():
            try:
                free_port(port)
            except StackError as error:
                option = f"--{name}-port" if name in ("temporal", "ui") else "--base-port"
                raise StackError(f"{error}; choose another with {option}") from error


@dataclass(frozen=True, slots=True)
class Program:
    """Arguments of Python, and the port at which the program listens once it works.

    `environment` is for programs that do not read our settings, and for addresses of their own.
    """

    command: Sequence[str]
    port: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Stack:
    """A running stack. Each part is a process of its own: it can be killed."""

    home: Home
    settings: Settings
    ports: Ports
    client: Client
    temporal_metrics: int | None  # a port, if Temporal runs
    running: AsyncExitStack
    parts: dict[str, Child]

    @property
    def ui_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.ui}"

    @property
    def environment(self) -> dict[str, str | None]:
        """Return the variables of our processes, which do not depend on this process's own."""
        return {
            **environment_of(self.settings),
            "TEMPORAL_ADDRESS": f"{LOOPBACK}:{self.ports.temporal}",
            "TEMPORAL_NAMESPACE": self.client.namespace,
            "TEMPORAL_CONFIG_FILE": os.devnull,  # a developer's profile may lead to the cloud
            "TEMPORAL_DEPLOYMENT_NAME": None,  # workers are unversioned
        }

    def how_to_use(self, *commands: str, exported: bool = True) -> str:
        """Return where to look, and what to type in another terminal.

        There, commands find this stack by what is exported; without, by the default settings.
        Metrics have the names of Prometheus' jobs (deploy/prometheus).
        """
        names = ("TEMPORAL_ADDRESS", *(PREFIX + name.upper() for name in OF_CLIENTS))
        exports = [f"export {name}={quote(self.environment[name] or '')}" for name in names]
        scraped = {
            "consumers": self.ports.consumers_health,
            "webhooks": self.ports.webhooks,
            "verify": self.ports.verify_health,
        }
        if self.temporal_metrics is not None:
            scraped["worker"] = self.ports.worker_health
            scraped["worker-temporal"] = self.ports.worker_metrics
            scraped["temporal"] = self.temporal_metrics
        lines = (
            *([f"Web UI: {self.ui_url}"] if "temporal" in self.parts else ()),
            f"Mail to clients: {self.settings.mail_url}messages",
            *(f"Metrics of {job}: http://{LOOPBACK}:{scraped[job]}/metrics" for job in scraped),
            f"Logs: {self.home.directory}/*.log",
            "In another terminal:",
            *(f"  {line}" for line in (exports if exported else ())),
            *(f"  .venv/bin/box-office {command}" for command in commands),
        )
        return "\n".join(lines)

    def run(self, name: str, program: Program) -> AbstractAsyncContextManager[Child]:
        """Run a process that finds this stack for the length of a block."""
        return child(
            self.home,
            name,
            (sys.executable, *program.command),
            environment={**self.environment, **program.environment},
        )

    async def start(self, name: str) -> None:
        """Start one of the programs, again if it ran before."""
        program = self.run(name, programs(self)[name])
        self.parts[name] = await self.running.enter_async_context(program)

    async def until_ready(self, name: str) -> None:
        """Wait until one of the programs works.

        Raises:
            StackError: it does not; with the end of its log.
        """
        port = programs(self)[name].port
        if port is not None:
            await until_ready(self.parts[name], lambda: listens(port))

    async def stop(self, name: str) -> None:
        """Stop one of the programs in good order."""
        await self.parts.pop(name).stop()

    async def watch(self) -> None:
        """Wait as long as every part runs.

        Raises:
            StackError: a part ended by itself; with the end of its log.
        """
        waits = {asyncio.create_task(part.wait()): part for part in self.parts.values()}
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        ended = waits[done.pop()]
        raise StackError(
            f"{ended.name} ended by itself with exit code {ended.process.returncode}. "
            f"The end of {ended.log}:\n{ended.log_tail()}"
        )


def programs(stack: Stack) -> dict[str, Program]:
    """Return all programs in the order of their start."""
    ports, files, settings = stack.ports, stack.home.directory, stack.settings
    notices = f"http://{LOOPBACK}:{ports.webhooks}/webhooks/payments"
    ours = ("-m", "entrypoints.cli")
    runs_steps = settings.process == "choreographed"
    of_worker = {
        **_as(settings, "worker"),
        HEALTH: f"{LOOPBACK}:{ports.worker_health}",
        METRICS: f"{LOOPBACK}:{ports.worker_metrics}",
    }
    of_consumers = {
        **_as(settings, "choreography" if runs_steps else "consumer"),
        HEALTH: f"{LOOPBACK}:{ports.consumers_health}",
    }
    of_verify = {**_as(settings, "reader"), HEALTH: f"{LOOPBACK}:{ports.verify_health}"}
    of_provider = {"SANDBOX_SECRET": settings.webhook_secrets[0].get_secret_value()}
    mail = (
        *("-m", "sandbox.mail", "--data-dir", str(files / "mail")),
        *("--smtp-port", str(ports.smtp), "--http-port", str(ports.mail)),
    )
    provider = (
        *("-m", "sandbox.provider", "--data-dir", str(files / "provider")),
        *("--port", str(ports.provider), "--notify-url", notices),
    )
    webhooks = (*ours, "webhooks", "--port", str(ports.webhooks))
    found = {
        "mail": Program(mail, ports.mail),
        "provider": Program(provider, ports.provider, of_provider),
        "webhooks": Program(webhooks, ports.webhooks, _as(settings, "receiver")),
        "worker": Program((*ours, "worker"), ports.worker_health, of_worker),
        "consumers": Program((*ours, "consumers"), ports.consumers_health, of_consumers),
        "verify": Program((*ours, "verify", "--every", "5m"), ports.verify_health, of_verify),
        "codec": Program((*ours, "codec-server", "--port", str(ports.codec)), ports.codec),
    }
    if runs_steps:
        del found["worker"]
    if not settings.payload_keys:
        del found["codec"]
    return found


def _as(settings: Settings, role: str) -> dict[str, str]:
    """Return the variable by which a program connects to the database as its role."""
    return {DATABASE: as_role(str(settings.database_url), name_of(role))}


def environment_of(settings: Settings) -> dict[str, str | None]:
    """Return every setting as the variable that it is read from; None takes a variable away."""
    return {
        PREFIX + name.upper(): _as_text(value) or None
        for name, value in settings.model_dump().items()
    }


@asynccontextmanager
async def stack(home: Home, settings: Settings, ports: Ports, say: Say) -> AsyncIterator[Stack]:
    """Run everything in a home; what is in it goes on where it was.

    Args:
        home: claimed by this process.
        settings: handed to our programs, with the addresses of this stack.
        ports: checked first.
        say: is given a line as each part starts.

    Raises:
        StackError: a part did not start; what had started is stopped.
    """
    ports.check()
    tell = _stopwatch(say)
    async with AsyncExitStack() as running:
        database = await running.enter_async_context(postgres(home, port=ports.postgres))
        tell("postgres", f"{LOOPBACK}:{ports.postgres}")
        parts = {"postgres": database.child}
        address, metrics = f"{LOOPBACK}:{ports.temporal}", None
        if settings.process == "orchestrated":  # the choreography needs no other server
            codec = f"http://{LOOPBACK}:{ports.codec}" if settings.payload_keys else None
            starting = temporal_server(home, port=ports.temporal, ui_port=ports.ui, codec_url=codec)
            server = await running.enter_async_context(starting)
            parts["temporal"], metrics = server.child, server.metrics_port
            tell("temporal", address)
        settings = _settings_of(settings, ports, database)
        owned = {"database_url": PostgresDsn(database.url(role=OWNER))}
        await migrate_database(settings.model_copy(update=owned))
        converter = data_converter(settings.payload_keys)
        client = await Client.connect(address, data_converter=converter, lazy=True)
        started = Stack(home, settings, ports, client, metrics, running, parts)
        for name in programs(started):
            await started.start(name)
        for name in programs(started):
            await started.until_ready(name)
            tell(name, f"pid {started.parts[name].pid}")
        yield started


def _settings_of(settings: Settings, ports: Ports, database: Postgres) -> Settings:
    """Return the settings of this stack: no mail leaves the machine, no money is real."""
    return settings.model_copy(
        update={
            "database_url": PostgresDsn(database.url(role=name_of("operator"))),
            "provider_url": HttpUrl(f"http://{LOOPBACK}:{ports.provider}"),
            "smtp_url": f"smtp://{LOOPBACK}:{ports.smtp}",
            "mail_url": HttpUrl(f"http://{LOOPBACK}:{ports.mail}"),
            "health_address": None,  # each program has its own
            "metrics_address": None,
            "webhook_secrets": settings.webhook_secrets or (SecretStr(token_hex()),),
            "codec_origins": (f"http://{LOOPBACK}:{ports.ui}", f"http://localhost:{ports.ui}"),
        }
    )


def _as_text(value: object) -> str:
    match value:
        case None:
            return ""
        case SecretStr():
            return value.get_secret_value()
        case tuple():
            return ",".join(map(_as_text, value))
        case _:
            return str(value)


def _stopwatch(say: Say) -> Callable[[str, str], None]:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    return lambda part, where: say(f"  {loop.time() - begun:4.1f} s  {part:12}{where}")
