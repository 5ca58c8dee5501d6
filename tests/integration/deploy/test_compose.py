"""docker-compose.yml is a Compose file, and says nothing that this repository does not know.

`test_compose_processes.py` runs what it says.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from entrypoints.devstack.servers import SEARCH_ATTRIBUTES
from tests.integration.deploy.compose import ROOT, faults, interpolated, load, neighbours
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
    (source,) = _provisioned("datasources", "prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = _provisioned("dashboards", "box-office.yml")["providers"]
    mounted = [volume.split(":")[1] for volume in services["grafana"]["volumes"]]
    assert f"{provider['options']['path']}/box-office.json" in mounted
    others = dashboard.replace(json.loads(dashboard)["uid"], "$")
    assert set(re.findall(r'"uid": "([^"$-]+)"', others)) <= {source["uid"]}


def _provisioned(*path: str) -> Any:
    return yaml.safe_load(GRAFANA.joinpath(*path).read_text())


def test_a_required_variable_is_put_in_and_an_optional_one_passed_through() -> None:
    environment = {"A": "x${NEEDED:?say}y", "GIVEN": None, "LEFT_OUT": None}
    assert interpolated(environment, {"NEEDED": "-", "GIVEN": "g"}) == {"A": "x-y", "GIVEN": "g"}
    with pytest.raises(KeyError):
        interpolated(environment, {})


OURS = {"worker", "consumers", "verify", "cli"}  # those that reach both servers


@pytest.mark.parametrize(
    ("server", "reached_by"),
    [
        ("postgres", {"logins", "migrate", "webhooks", *OURS}),
        (
            "temporal",
            {"temporal-postgres", "temporal-schema", "temporal-namespace", "temporal-ui"}
            | {"prometheus", *OURS},
        ),
        ("grafana", {"prometheus", "webhooks", "temporal-ui", "codec-server"}),
    ],
)
def test_a_server_is_in_a_network_with_those_who_need_it(server: str, reached_by: set[str]) -> None:
    assert neighbours(server, load()) == reached_by


def test_an_image_may_be_pinned_by_its_digest() -> None:
    pinned = load()
    pinned["services"]["grafana"]["image"] += f"@sha256:{'0' * 64}"
    assert faults(pinned) == []


def test_prometheus_finds_nobody_twice() -> None:
    services = load()["services"]
    own = set(services["prometheus"]["networks"])
    for name in ("worker", "consumers", "verify", "webhooks", "temporal"):
        assert len(own & set(services[name]["networks"])) == 1, name


JOB = {"condition": "service_completed_successfully"}
HEALTHY = {"condition": "service_healthy"}
NO_MODULE = ["python", "-m", "entrypoints.wroker"]


@pytest.mark.parametrize(
    ("name", "changes", "fault"),
    [
        ("worker", {"command": ["python", "wroker.py"]}, "cannot run ['python', 'wroker.py']"),
        ("worker", {"command": NO_MODULE}, f"cannot run {NO_MODULE}"),
        ("worker", {"command": ["box-office", "wrk"]}, "cannot run ['box-office', 'wrk']"),
        ("worker", {"build": {"target": "box-offce"}}, "there is no target box-offce"),
        ("worker", {"read_only": False}, "is not locked down: read_only, cap_drop, security_opt"),
        ("grafana", {"cap_drop": []}, "is not locked down: read_only, cap_drop, security_opt"),
        ("temporal", {"cap_drop": None}, "is not locked down: read_only, cap_drop, security_opt"),
        ("logins", {"networks": ["outside"]}, "is in no network with postgres"),
        ("worker", {"networks": None}, "is in the network of everybody who names none"),
        ("worker", {"networks": ["database", "typo"]}, "there is no network typo"),
        (
            "grafana",
            {"networks": ["monitoring"]},
            "publishes a port from a network that nobody outside reaches",
        ),
        ("worker", {"environment": {"BOX_OFFICE_TASK": "q"}}, "unknown setting BOX_OFFICE_TASK"),
        (
            "worker",
            {"environment": {"DB_PORT": 5432}},
            "DB_PORT is 5432, and YAML may have changed it: quote it",
        ),
        ("grafana", {"environment": {"A_PWD": "admin"}}, "A_PWD has its secret in the file"),
        ("worker", {"environment": {"TO": "a://b:pwd@c"}}, "TO has its secret in the file"),
        ("grafana", {"environment": {"A": "${B:?say}"}}, "B is not explained in .env.example"),
        ("grafana", {"environment": {"C": None}}, "C is not explained in .env.example"),
        ("worker", {"depends_on": {"x": JOB}}, "depends on x, which is no service"),
        (
            "worker",
            {"depends_on": {"migrate": HEALTHY}},
            "waits for the health of migrate, which nobody checks",
        ),
        (
            "worker",
            {"depends_on": {"webhooks": JOB}},
            "waits for the end of webhooks, which runs for ever",
        ),
        ("grafana", {"volumes": ["./deploy/grafna:/x"]}, "there is no volume ./deploy/grafna"),
        ("grafana", {"image": "a/b:12"}, "its image a/b:12 may change under the same name"),
        ("grafana", {"deploy": {"replicas": 1}}, "may take the whole machine"),
        ("worker", {"stop_grace_period": "10s"}, "is killed while its work may still be going on"),
        ("grafana", {"ports": ["3000:3000"]}, "publishes 3000:3000 beyond this machine"),
        ("worker", {"healthcheck": None}, "nobody knows whether it works"),
        ("grafana", {"restart": None}, "nobody starts it again"),
    ],
)
def test_a_fault_is_found(name: str, changes: dict[str, Any], fault: str) -> None:
    damaged = load()
    before = faults(damaged)
    changed = damaged["services"][name] | changes
    damaged["services"][name] = {key: value for key, value in changed.items() if value is not None}
    assert [found for found in faults(damaged) if found not in before] == [f"{name}: {fault}"]


def test_more_connections_than_postgres_takes_are_found() -> None:
    damaged = load()
    damaged["services"]["worker"]["deploy"]["replicas"] = 6
    assert faults(damaged) == ["postgres: 13 processes may open 273 connections"]


def test_a_word_that_compose_does_not_know_is_found() -> None:
    damaged = load()
    damaged["services"]["worker"]["comand"] = ["python", "worker.py"]
    (fault,) = faults(damaged)
    assert fault.startswith("$.services.worker: Unevaluated properties are not allowed ('comand'")
