"""docker-compose.yml, and what in it would only be found when somebody runs it."""

import json
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from entrypoints.interrupts import SHUTDOWN
from entrypoints.settings import PREFIX, Settings
from entrypoints.wiring import POOL_MAX
from tests.integration.deploy.images import STAGES, default_command, runs

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads(
    (files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text()
)
EXAMPLE = (ROOT / ".env.example").read_text()
REQUIRED = re.compile(r"\$\{(\w+):\?[^}]+\}")
SECRET = re.compile(r"(PASSWORD|PWD|SECRETS?|KEYS?|TOKEN)$")
IN_A_URL = re.compile(r"://[^/:@]+:(?!\$\{)[^/@]+@")  # a password
PATCHED = re.compile(r":v?\d+(\.\d+)+(@sha256:[0-9a-f]{64})?$")
LOCKED_DOWN = {"read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"]}
WRITE_WHERE_THEY_START = {"temporal", "temporal-ui"}  # their configuration, from a template
CONNECTIONS = POOL_MAX + 1  # of a process: its pool, and the doorbell
Service = dict[str, Any]
Compose = dict[str, Any]


def load() -> Compose:
    compose: Compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return compose


def ours(compose: Compose) -> dict[str, Service]:
    return {name: service for name, service in compose["services"].items() if "build" in service}


def is_job(service: Service) -> bool:
    restart: str = service["restart"]
    return restart != "unless-stopped"


def interpolated(value: Any, variables: Mapping[str, str]) -> Any:
    """What Compose makes of a part of the file; a null in an environment is passed through."""
    match value:
        case str():
            return REQUIRED.sub(lambda found: variables[found[1]], value)
        case list():
            return [interpolated(part, variables) for part in value]
        case dict():
            passed = {
                key: variables.get(key) if part is None else interpolated(part, variables)
                for key, part in value.items()
            }
            return {key: part for key, part in passed.items() if part is not None}
        case _:
            return value


def faults(compose: Compose) -> list[str]:
    """Faults of the shape, or else of the meaning."""
    shape = [
        f"{error.json_path}: {error.message}"
        for error in Draft202012Validator(SCHEMA).iter_errors(compose)
    ]
    return shape or [
        f"{name}: {fault}"
        for name, service in compose["services"].items()
        for fault in (
            *_image(service),
            *_locked_down(name, service),
            *_networks(name, service, compose),
            *_environment(service),
            *_dependencies(service, compose["services"]),
            *_files(service, compose["volumes"]),
            *_running(service),
            *_access(service),
        )
    ] + list(_connections(compose))


def _image(service: Service) -> Iterator[str]:
    if "build" not in service:
        if not PATCHED.search(service["image"]):
            yield f"its image {service['image']} may change under the same name"
        return
    target = service["build"]["target"]
    if target not in STAGES:
        yield f"there is no target {target}"
        return
    command = [*service.get("entrypoint", []), *service.get("command", [])]
    if not runs(command or default_command(target), target):
        yield f"cannot run {command}"


def _locked_down(name: str, service: Service) -> Iterator[str]:
    wanted = set(LOCKED_DOWN) - ({"read_only"} if name in WRITE_WHERE_THEY_START else set())
    if any(service.get(key) != LOCKED_DOWN[key] for key in wanted):
        yield f"is not locked down: {', '.join(LOCKED_DOWN)}"


def neighbours(name: str, compose: Compose) -> set[str]:
    """The services that share a network with one."""
    services: dict[str, Service] = compose["services"]
    own = set(services[name]["networks"])
    return {it for it, other in services.items() if own & set(other["networks"])} - {name}


def _networks(name: str, service: Service, compose: Compose) -> Iterator[str]:
    own = set(service.get("networks", []))
    if not own:
        yield "is in the network of everybody who names none"
    yield from (f"there is no network {network}" for network in own - compose["networks"].keys())
    for other, how in service.get("depends_on", {}).items():
        its = set(compose["services"].get(other, {}).get("networks", []))
        if how["condition"] == "service_healthy" and not own & its:
            yield f"is in no network with {other}"
    if service.get("ports") and "published" not in own:
        yield "publishes a port from a network that nobody outside reaches"


def _environment(service: Service) -> Iterator[str]:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name, value in service.get("environment", {}).items():
        if name.startswith(PREFIX) and name not in known:
            yield f"unknown setting {name}"
        if not isinstance(value, str | None):
            yield f"{name} is {value!r}, and YAML may have changed it: quote it"
            continue
        is_secret = value and SECRET.search(name) and not REQUIRED.fullmatch(value)
        if is_secret or IN_A_URL.search(value or ""):
            yield f"{name} has its secret in the file"
        needed = REQUIRED.findall(value or "") + ([name] if value is None else [])
        yield from (
            f"{variable} is not explained in .env.example"
            for variable in needed
            if f"{variable}=" not in EXAMPLE
        )


def _dependencies(service: Service, services: dict[str, Service]) -> Iterator[str]:
    for name, how in service.get("depends_on", {}).items():
        if name not in services:
            yield f"depends on {name}, which is no service"
        elif how["condition"] == "service_healthy" and "healthcheck" not in services[name]:
            yield f"waits for the health of {name}, which nobody checks"
        elif how["condition"] == "service_completed_successfully" and not is_job(services[name]):
            yield f"waits for the end of {name}, which runs for ever"


def _files(service: Service, named: dict[str, Any]) -> Iterator[str]:
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if source not in named and not (source.startswith("./") and (ROOT / source).exists()):
            yield f"there is no volume {source}"


def _running(service: Service) -> Iterator[str]:
    if "restart" not in service:
        yield "nobody starts it again"
    elif not is_job(service) and "healthcheck" not in service:
        yield "nobody knows whether it works"
    limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
    if limits.keys() != {"cpus", "memory"}:
        yield "may take the whole machine"
    if "build" in service and int(service["stop_grace_period"].removesuffix("s")) <= (
        SHUTDOWN.total_seconds()
    ):
        yield "is killed while its work may still be going on"


def _access(service: Service) -> Iterator[str]:
    for port in service.get("ports", []):
        if not port.startswith("127.0.0.1:"):
            yield f"publishes {port} beyond this machine"


def _connections(compose: Compose) -> Iterator[str]:
    """All that our processes may open at once; jobs and people come on top."""
    processes = sum(
        service["deploy"].get("replicas", 1)
        for service in ours(compose).values()
        if "BOX_OFFICE_DATABASE_URL" in service.get("environment", {})
    )
    most = int(compose["services"]["postgres"]["command"][-1].removeprefix("max_connections="))
    if processes * CONNECTIONS > most:
        yield f"postgres: {processes} processes may open {processes * CONNECTIONS} connections"
