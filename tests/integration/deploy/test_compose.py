"""docker-compose.yml is a Compose file, and says nothing that this repository does not know.

`test_compose_processes.py` runs what it says.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from entrypoints.devstack.servers import SEARCH_ATTRIBUTES
from tests.integration.deploy.compose import ROOT, Service, faults, interpolated, load
from tests.integration.deploy.kubernetes import asked_paths

GRAFANA = ROOT / "deploy" / "grafana" / "provisioning"


def test_the_compose_file_has_no_faults() -> None:
    assert faults(load()) == []


@pytest.mark.parametrize("script", sorted((ROOT / "deploy").rglob("*.sh")), ids=lambda it: it.name)
def test_a_mounted_script_is_one_that_a_shell_can_read(script: Path) -> None:
    subprocess.run([shutil.which("sh") or "sh", "-n", script], check=True)


def test_the_namespace_gets_the_search_attributes_that_workflows_are_started_with() -> None:
    script = (ROOT / "deploy" / "temporal" / "temporal-namespace.sh").read_text()
    created = re.findall(r"--name (\w+) --type (\w+)", script)
    assert ["=".join(attribute) for attribute in created] == list(SEARCH_ATTRIBUTES)


def test_prometheus_asks_services_at_the_ports_where_they_answer() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    asked = {
        (str(host), int(port))
        for job in config["scrape_configs"]
        for host, port in (
            *(it.split(":") for found in job.get("static_configs", []) for it in found["targets"]),
            *((name, it["port"]) for it in job.get("dns_sd_configs", []) for name in it["names"]),
        )
    }
    with_metrics = {(name, port) for name, port, path in asked_paths() if path == "/metrics"}
    elsewhere = {("temporal", 8000), ("prometheus", 9090), ("localhost", 9090)}
    assert asked <= with_metrics | elsewhere
    assert {host for host, _ in asked} >= {host for host, _ in with_metrics}


def test_grafana_finds_prometheus_and_the_dashboard_where_the_file_puts_them() -> None:
    services = load()["services"]
    dashboard = (ROOT / "deploy" / "grafana" / "box-office.json").read_text()
    (source,) = yaml.safe_load((GRAFANA / "datasources" / "prometheus.yml").read_text())[
        "datasources"
    ]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((GRAFANA / "dashboards" / "box-office.yml").read_text())[
        "providers"
    ]
    mounted = [volume.split(":")[1] for volume in services["grafana"]["volumes"]]
    assert f"{provider['options']['path']}/box-office.json" in mounted
    named = set(
        re.findall(r'"uid": "([^"$-]+)"', dashboard.replace(json.loads(dashboard)["uid"], "$"))
    )
    assert named <= {source["uid"]}


def test_a_required_variable_is_put_in_and_an_optional_one_passed_through() -> None:
    environment = {"A": "x${NEEDED:?say}y", "GIVEN": None, "LEFT_OUT": None}
    assert interpolated(environment, {"NEEDED": "-", "GIVEN": "g"}) == {"A": "x-y", "GIVEN": "g"}
    with pytest.raises(KeyError):
        interpolated(environment, {})


def _worker(**changes: Any) -> Callable[[dict[str, Service]], None]:
    return lambda services: services["worker"].update(changes)


def _grafana(**changes: Any) -> Callable[[dict[str, Service]], None]:
    return lambda services: services["grafana"].update(changes)


JOB = {"condition": "service_completed_successfully"}
HEALTHY = {"condition": "service_healthy"}


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (_worker(command=["python", "wroker.py"]), "worker: cannot run ['python', 'wroker.py']"),
        (
            _worker(command=["python", "-m", "entrypoints.wroker"]),
            "worker: cannot run ['python', '-m', 'entrypoints.wroker']",
        ),
        (_worker(command=["box-office", "wrk"]), "worker: cannot run ['box-office', 'wrk']"),
        (_worker(build={"target": "box-offce"}), "worker: there is no target box-offce"),
        (_worker(read_only=False), "worker: is not locked down: read_only, cap_drop, security_opt"),
        (_worker(environment={"BOX_OFFICE_TASK": "q"}), "worker: unknown setting BOX_OFFICE_TASK"),
        (
            _worker(environment={"DB_PORT": 5432}),
            "worker: DB_PORT is 5432, and YAML may have changed it: quote it",
        ),
        (
            _grafana(environment={"GF_PASSWORD": "admin"}),
            "grafana: GF_PASSWORD has its secret in the file",
        ),
        (
            _worker(environment={"TO": "postgresql://us:secret@postgres/us"}),
            "worker: TO has its secret in the file",
        ),
        (_grafana(environment={"A": "${B:?say}"}), "grafana: B is not explained in .env.example"),
        (_grafana(environment={"C": None}), "grafana: C is not explained in .env.example"),
        (_worker(depends_on={"x": JOB}), "worker: depends on x, which is no service"),
        (
            _worker(depends_on={"migrate": HEALTHY}),
            "worker: waits for the health of migrate, which nobody checks",
        ),
        (
            _worker(depends_on={"webhooks": JOB}),
            "worker: waits for the end of webhooks, which runs for ever",
        ),
        (_grafana(volumes=["./deploy/grafna:/x"]), "grafana: there is no volume ./deploy/grafna"),
        (
            _grafana(image="grafana/grafana:12"),
            "grafana: its image grafana/grafana:12 may change under the same name",
        ),
        (_grafana(deploy={"replicas": 1}), "grafana: may take the whole machine"),
        (
            _worker(stop_grace_period="10s"),
            "worker: is killed while its work may still be going on",
        ),
        (_grafana(ports=["3000:3000"]), "grafana: publishes 3000:3000 beyond this machine"),
        (
            lambda services: services["worker"]["deploy"].update(replicas=6),
            "postgres: 11 processes may open 231 connections",
        ),
        (
            lambda services: services["worker"].pop("healthcheck"),
            "worker: nobody knows whether it works",
        ),
        (lambda services: services["grafana"].pop("restart"), "grafana: nobody starts it again"),
    ],
)
def test_a_fault_is_found(damage: Callable[[dict[str, Service]], None], fault: str) -> None:
    damaged = load()
    before = faults(damaged)
    damage(damaged["services"])
    assert [found for found in faults(damaged) if found not in before] == [fault]


def test_a_word_that_compose_does_not_know_is_found() -> None:
    damaged = load()
    damaged["services"]["worker"]["comand"] = ["python", "worker.py"]
    (fault,) = faults(damaged)
    assert fault.startswith("$.services.worker: Unevaluated properties are not allowed ('comand'")
