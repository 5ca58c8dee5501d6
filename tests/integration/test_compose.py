"""docker-compose.yml says nothing that this repository does not know."""

import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from entrypoints.cli import app
from entrypoints.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SCRIPTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
KEYS = {  # of a service, as far as we use them (compose-spec/compose-spec, schema/)
    "build", "command", "depends_on", "entrypoint", "environment", "healthcheck", "image", "ports",
    "restart", "volumes",
}  # fmt: skip
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}
Service = dict[str, Any]


def _faults(compose: dict[str, Any]) -> list[str]:
    """What would only be found when somebody runs it."""
    services: dict[str, Service] = compose["services"]
    return [
        f"{name}: {fault}"
        for name, service in services.items()
        for fault in (
            *_shape(service),
            *_command(service),
            *_environment(service),
            *_dependencies(service, services),
            *_volumes(service, compose["volumes"]),
        )
    ]


def _shape(service: Service) -> Iterator[str]:
    yield from (f"unknown key {key}" for key in service.keys() - KEYS)
    if ("build" in service) == ("image" in service):
        yield "needs either an image or a build"
    if "build" in service and not (ROOT / service["build"]["dockerfile"]).is_file():
        yield "its Dockerfile is missing"


def _command(service: Service) -> Iterator[str]:
    match service.get("command"):
        case None:
            pass
        case ["python", "-m", str(module), *_] if find_spec(module):
            pass
        case ["python", str(script), *_] if (ROOT / script).is_file():
            pass
        case [str(script), str(command), *_] if script in SCRIPTS and command in _commands():
            pass
        case command:
            yield f"cannot run {command}"


def _commands() -> set[str]:
    group = typer.main.get_command(app)
    return set(getattr(group, "commands", {}))


def _environment(service: Service) -> Iterator[str]:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name, value in service.get("environment", {}).items():
        if name.startswith(PREFIX) and name not in known:
            yield f"unknown setting {name}"
        if not isinstance(value, str):
            yield f"{name} is {value!r}, and YAML may have changed it: quote it"


def _dependencies(service: Service, services: dict[str, Service]) -> Iterator[str]:
    for name, how in service.get("depends_on", {}).items():
        if name not in services:
            yield f"depends on {name}, which is no service"
        elif how["condition"] not in CONDITIONS:
            yield f"unknown condition {how['condition']}"
        elif how["condition"] == "service_healthy" and "healthcheck" not in services[name]:
            yield f"waits for the health of {name}, which nobody checks"


def _volumes(service: Service, named: dict[str, Any]) -> Iterator[str]:
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if source not in named and not (source.startswith("./") and (ROOT / source).exists()):
            yield f"there is no volume {source}"


def test_the_compose_file_has_no_faults() -> None:
    assert _faults(COMPOSE) == []


def test_only_the_web_ui_is_published_and_only_on_this_machine() -> None:
    published = {
        name: each["ports"] for name, each in COMPOSE["services"].items() if "ports" in each
    }
    assert list(published) == ["temporal-ui"]
    assert all(port.startswith("127.0.0.1:") for port in published["temporal-ui"])


@pytest.mark.parametrize("script", sorted((ROOT / "deploy").rglob("*.sh")), ids=lambda it: it.name)
def test_a_mounted_script_is_one_that_a_shell_can_read(script: Path) -> None:
    subprocess.run([shutil.which("sh") or "sh", "-n", script], check=True)


def _worker(**changes: Any) -> Callable[[dict[str, Service]], None]:
    return lambda services: services["worker"].update(changes)


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (_worker(comand=["python", "worker.py"]), "worker: unknown key comand"),
        (_worker(image="postgres:18"), "worker: needs either an image or a build"),
        (_worker(command=["python", "wroker.py"]), "worker: cannot run ['python', 'wroker.py']"),
        (
            _worker(command=["python", "-m", "wroker"]),
            "worker: cannot run ['python', '-m', 'wroker']",
        ),
        (_worker(command=["box-office", "wrk"]), "worker: cannot run ['box-office', 'wrk']"),
        (_worker(environment={"BOX_OFFICE_TASK": "q"}), "worker: unknown setting BOX_OFFICE_TASK"),
        (
            _worker(environment={"DB_PORT": 5432}),
            "worker: DB_PORT is 5432, and YAML may have changed it: quote it",
        ),
        (
            _worker(depends_on={"migrations": {"condition": "service_started"}}),
            "worker: depends on migrations, which is no service",
        ),
        (
            _worker(depends_on={"migrate": {"condition": "service_done"}}),
            "worker: unknown condition service_done",
        ),
        (
            _worker(depends_on={"migrate": {"condition": "service_healthy"}}),
            "worker: waits for the health of migrate, which nobody checks",
        ),
        (_worker(volumes=["./deploy/temporl:/x"]), "worker: there is no volume ./deploy/temporl"),
    ],
)
def test_a_fault_is_found(damage: Callable[[dict[str, Service]], None], fault: str) -> None:
    damaged = deepcopy(COMPOSE)
    damage(damaged["services"])
    assert _faults(damaged) == [fault]
