"""Every setting, its unit and its default. Temporal's own come from `TEMPORAL_*` variables.

A `.env` file where the program starts adds what the environment does not have: the SDK and the
exporter of traces read the environment only. Whoever starts the program is told of the file.
"""

import os
import re
import shutil
import stat
import subprocess
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from dotenv import load_dotenv
from pydantic import (
    AfterValidator,
    Field,
    HttpUrl,
    PostgresDsn,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from temporalio.envconfig import ClientConfig

from ticketing.policies import LatePayment
from workflows.encryption import key_ring

PREFIX = "BOX_OFFICE_"
TEMPORAL_PREFIX = "TEMPORAL_"
LOOPBACK = "127.0.0.1"  # nobody beyond this machine gets there
TEMPORAL_ADDRESS = "localhost:7233"  # unless TEMPORAL_* say otherwise
Token = Annotated[SecretStr, Field(min_length=16)]  # fewer characters can be guessed
PORT_MAX = 65_535
TLS_MODES = ("require", "verify-ca", "verify-full")  # of Postgres: those that never do without
CHECKOUT = Path(__file__).parents[1]


def _load(file: Path) -> str | None:
    """Add what the file says to the environment; return what a person is told of the file."""
    try:
        status = file.stat()
    except OSError:
        return None
    if status.st_uid not in (0, os.geteuid()) or status.st_mode & stat.S_IWOTH:
        return f"{file} is not read: it is another user's, or everybody may write to it"
    load_dotenv(file)
    return f"settings are read from {file}"


ENV_FILE = _load(Path(".env").absolute())


def _form(pattern: str, words: str) -> AfterValidator:
    """Check the form of a text; the words say what is allowed."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"Value should be {words}")
        return text

    return AfterValidator(check)


def _host_and_port(text: str) -> str:
    host, _, port = text.rpartition(":")
    if text and not (host and port.isdecimal() and int(port) <= PORT_MAX):
        raise ValueError("Value should be host:port, as 127.0.0.1:8080")
    return text


def _smtp_url(text: str) -> str:
    words = "Value should be smtp://host[:port] or smtps://host[:port]"
    try:
        url = urlsplit(text)
        has_port = url.port is None or url.port > 0
    except ValueError:  # its message may name a part of the password
        raise ValueError(words) from None
    if text and not (re.fullmatch(r"smtps?://[^/\s]+/?", text) and url.hostname and has_port):
        raise ValueError(words)
    return text


# Empty, as in .env.example, is none.
Address = Annotated[str, AfterValidator(_host_and_port)]
SmtpUrl = Annotated[str, AfterValidator(_smtp_url)]
Origin = Annotated[
    str, _form(r"https?://[^/*\s]+", "scheme, host and port, as http://localhost:8233")
]
MailAddress = Annotated[str, _form(r"[^@\s]+@[^@\s]+", "name@domain")]


class Settings(BaseSettings):
    """Read from the environment; an unknown `BOX_OFFICE_*` is an error."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,  # it may be a secret
    )

    database_url: PostgresDsn = Field(
        default=PostgresDsn(
            "postgresql://box_office_operator@127.0.0.1:54329/box_office"
            "?sslmode=disable&passfile=.data/pgpass"
        ),
        description="The database of the log, the seats and the views, for the role of this "
        "program (docs/access.md).",
    )
    login_passwords: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        description="The passwords that `box-office logins` sets, as `role:password`.",
    )
    without_tls: Annotated[tuple[Literal["postgres", "temporal", "smtp"], ...], NoDecode] = Field(
        default=(),
        description="Servers on other machines that may be reached without TLS, as "
        "`postgres,temporal,smtp`. Only for a network that nobody else can read.",
    )
    provider_url: HttpUrl = Field(
        default=HttpUrl("http://127.0.0.1:8400"), description="The URL of the payment provider."
    )
    smtp_url: SmtpUrl | None = Field(
        default=None,
        description="`smtp://[user:password@]host[:port]` or `smtps://`. "
        "Without it, each mail is a log line.",
    )
    mail_from: MailAddress = Field(
        default="tickets@box-office.example", description="The sender of mail."
    )
    mail_domain: str = Field(
        default="clients.example",
        description="The domain of the clients' addresses (docs/decisions/0005).",
    )
    mail_url: HttpUrl = Field(
        default=HttpUrl("http://127.0.0.1:8526"),
        description="The URL where the sandbox's mail server shows the sent mail.",
    )
    health_address: Address | None = Field(
        default=None,
        description="`host:port` of /live, /ready and /metrics. Without it, they are not served.",
    )
    metrics_address: Address | None = Field(
        default=None,
        description="`host:port` of the SDK's metrics. Without it, they are not served.",
    )
    task_queue: str = Field(
        default="ticketing", min_length=1, description="The task queue of the workers."
    )
    process: Literal["orchestrated", "choreographed"] = Field(
        default="orchestrated",
        description="The process: Temporal workflows, or consumers of the log.",
    )
    expiration_poll_seconds: float = Field(
        default=30, gt=0, description="The pause between two sweeps of the choreography."
    )
    confirmation_timeout_seconds: float = Field(
        default=600,
        gt=0,
        description="A booking is denied when the reservation service has not answered by then.",
    )
    reminder_before_seconds: float = Field(
        default=3600, ge=0, description="How long before the deadline the client is reminded."
    )
    expiry_grace_seconds: float = Field(
        default=0, ge=0, description="How long after the deadline a booking expires."
    )
    late_payment: LatePayment = Field(
        default="reinstate",
        description="The policy for a payment of an expired booking: "
        "reserve its seats again if they are free, or refund.",
    )
    client_patience_seconds: float = Field(
        default=30, gt=0, description="How long a client waits for an answer of the process."
    )
    webhook_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        description="The secrets that sign notices, newest first. `webhooks` needs one.",
    )
    payload_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        description="AES keys as `id:base64`; the first encrypts what Temporal stores. "
        "Without a key, Temporal stores plaintext.",
    )
    codec_origins: Annotated[tuple[Origin, ...], NoDecode] = Field(
        default=(),
        description="The origins of the Web UI, for which the codec server decodes.",
    )
    codec_token: Token | None = Field(
        default=None,
        description="The token that the codec server demands. Without it, it demands none, and "
        "listens on this machine only.",
    )
    codec_encodes: bool = Field(
        default=False,
        description="Whether the codec server encodes, too: whoever reaches it, or has the token, "
        "can then send messages to workflows.",
    )

    @model_validator(mode="before")
    @classmethod
    def _no_unknown_variable(cls, values: Any) -> Any:
        known = {PREFIX + name.upper() for name in cls.model_fields}
        unknown = sorted(
            name
            for name in os.environ
            if name.upper().startswith(PREFIX) and name.upper() not in known
        )
        if unknown:
            raise ValueError(f"unknown {', '.join(unknown)}; allowed: {', '.join(sorted(known))}")
        return values

    @field_validator(
        *("login_passwords", "webhook_secrets", "payload_keys", "codec_origins", "without_tls"),
        mode="before",
    )
    @classmethod
    def _at_commas(cls, value: Any) -> Any:
        return value.split(",") if isinstance(value, str) else value

    @field_validator("payload_keys")
    @classmethod
    def _are_keys(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        key_ring(value)
        return value

    @model_validator(mode="after")
    def _reaches_postgres_by_tls(self) -> Self:
        hosts = [host["host"] or "" for host in self.database_url.hosts()]
        mode = dict(self.database_url.query_params()).get("sslmode")
        if mode not in TLS_MODES and any(self.needs_tls("postgres", host) for host in hosts):
            raise ValueError(
                "BOX_OFFICE_DATABASE_URL leads to another machine, so it needs "
                "sslmode=verify-full&sslrootcert=FILE (docs/access.md)"
            )
        return self

    def needs_tls(self, server: Literal["postgres", "temporal", "smtp"], host: str) -> bool:
        """Return whether a server must not be reached without TLS: it is on another machine."""
        return server not in self.without_tls and not is_local(host)

    @property
    def client_patience(self) -> timedelta:
        """Return how long a client waits for an answer of the process."""
        return timedelta(seconds=self.client_patience_seconds)


class WorkerVersion(BaseSettings):
    """The version and the deployment of a worker, which is unversioned without a deployment."""

    model_config = SettingsConfigDict(
        env_prefix=TEMPORAL_PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
    )

    deployment_name: str | None = Field(
        default=None,
        max_length=200,
        description="The name of the deployment. Without it, a worker is unversioned.",
    )
    worker_build_id: str = Field(
        default_factory=lambda given: _described() if given.get("deployment_name") else "",
        max_length=200,
        description="The version of the worker; in a checkout, the default is git's description.",
    )

    @field_validator("deployment_name", "worker_build_id")
    @classmethod
    def _can_be_written(cls, value: str | None, field: ValidationInfo) -> str | None:
        """Refuse characters with which Temporal joins the two, or quotes them in queries."""
        forbidden = (*" :'\"", *("." if field.field_name == "deployment_name" else ""))
        if value and any(character in value for character in forbidden):
            raise ValueError(f"{value!r} contains one of {' '.join(map(repr, forbidden))}")
        return value

    @model_validator(mode="after")
    def _has_a_build_id(self) -> Self:
        if self.deployment_name and not self.worker_build_id:
            raise ValueError("TEMPORAL_WORKER_BUILD_ID is needed: this is no git checkout")
        return self


def is_local(host: str) -> bool:
    """Return whether a host is this machine, over its loopback device."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def temporal_address() -> str:
    """Return the address that `TEMPORAL_*` names."""
    return ClientConfig.load_client_connect_config().get("target_host", TEMPORAL_ADDRESS)


def traces_are_exported() -> bool:
    """Return whether `OTEL_EXPORTER_OTLP_ENDPOINT` is set; the exporter reads it itself."""
    return bool(os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"))


def _described() -> str:
    """Return what git calls the code; empty where there is no checkout."""
    git = shutil.which("git")
    if not git or not (CHECKOUT / ".git").exists():
        return ""
    command = (git, "-C", CHECKOUT, "describe", "--always", "--dirty")
    described = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # ours
    return described.stdout.strip()
