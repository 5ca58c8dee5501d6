"""deploy/kubernetes fits the definitions of what it names, and itself.

`kubernetes.py` says what is checked. `test_compose_processes.py` asks running processes for the
paths that are probed here.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.integration.deploy.images import ROOT
from tests.integration.deploy.kubernetes import (
    FOLDER,
    SECRET_KEYS,
    VERSION,
    Resource,
    faults,
    listed_files,
    load,
    name_of,
    pods,
)

NOT_APPLIED = {"kustomization.yaml", "custom-references.yaml"}
Damage = Callable[[Resource], object]


def test_the_manifests_have_no_faults() -> None:
    assert faults(load()) == []


def test_every_file_is_listed_in_a_kustomization() -> None:
    files = {file for file in FOLDER.rglob("*.yaml") if file.name not in NOT_APPLIED}
    assert files == listed_files()


def test_both_kustomizations_run_the_same_image_under_the_name_of_the_manifests() -> None:
    component = yaml.safe_load((FOLDER / "image" / "kustomization.yaml").read_text())
    (image,) = component["images"]
    assert {pod.container["image"] for pod in pods(load())} == {image["name"]}
    roots = [FOLDER / "kustomization.yaml", FOLDER / "codec-server" / "kustomization.yaml"]
    components = [
        (root.parent / component_path).resolve()
        for root in roots
        for component_path in yaml.safe_load(root.read_text())["components"]
    ]
    assert components == [FOLDER / "image"] * 2


def test_every_key_that_is_asked_for_is_used() -> None:
    used = {
        variable["valueFrom"]["secretKeyRef"]["key"]
        for pod in pods(load())
        for variable in pod.container["env"]
        if "valueFrom" in variable
    }
    assert used == SECRET_KEYS


def test_the_alert_rules_find_the_jobs_that_a_cluster_names() -> None:
    rules = (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text()
    (monitor,) = (resource for resource in load() if resource["kind"] == "PodMonitor")
    jobs = {pod.labels[monitor["spec"]["jobLabel"]] for pod in pods(load())}
    assert set(re.findall(r'job="([^"]+)"', rules)) <= jobs


def test_nothing_is_applied_without_the_schemas_of_a_version() -> None:
    assert VERSION == "1.35"
    of_tomorrow = {"apiVersion": "apps/v9", "kind": "Deployment", "metadata": {"name": "x"}}
    (fault,) = faults([of_tomorrow])
    assert "Couldn't find schema for kind Deployment with api version apps/v9" in fault


def _container(**changes: Any) -> Damage:
    return lambda it: it["spec"]["template"]["spec"]["containers"][0].update(changes)


def _pod(**changes: Any) -> Damage:
    return lambda it: it["spec"]["template"]["spec"].update(changes)


def _spec(**changes: Any) -> Damage:
    return lambda it: it["spec"].update(changes)


def _trigger(**changes: str) -> Damage:
    return lambda it: it["spec"]["template"]["spec"]["triggers"][0]["metadata"].update(changes)


def _no_probe(it: Resource) -> object:
    return it["spec"]["template"]["spec"]["containers"][0].pop("livenessProbe")


OTHER = {"matchLabels": {"app.kubernetes.io/component": "others"}}
TO_X = [{"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "x"}}}]}]
PORT_8081 = [{"name": "health", "containerPort": 8081}]
UNKNOWN_SETTING = [{"name": "BOX_OFFICE_DATABASE", "value": "x"}]
UNKNOWN_KEY = {"secretKeyRef": {"name": "box-office", "key": "smtp"}}
UNKNOWN_SECRET = [{"name": "BOX_OFFICE_SMTP_URL", "valueFrom": UNKNOWN_KEY}]
OTHER_SERVER = {"connectionRef": {"name": "x"}, "temporalNamespace": "default"}


@pytest.mark.parametrize(
    ("name", "damage", "fault"),
    [
        ("Deployment webhooks", _container(command=["python", "-m", "x.htp"]), "cannot run"),
        ("WorkerDeployment worker", _container(command=["worker.py"]), "cannot run"),
        ("Deployment webhooks", _pod(securityContext={}), "is not what the namespace admits"),
        ("Deployment webhooks", _container(securityContext={}), "container is not locked down"),
        ("Job migrate", _pod(automountServiceAccountToken=True), "is given a token"),
        ("Deployment webhooks", _container(resources={}), "says nothing of what it needs"),
        ("Deployment webhooks", _pod(terminationGracePeriodSeconds=25), "is killed while"),
        ("Deployment webhooks", _container(ports=[]), "is asked at port http"),
        ("WorkerDeployment worker", _container(ports=PORT_8081), "does not listen at the ports"),
        ("Deployment consumers", _container(env=UNKNOWN_SETTING), "setting BOX_OFFICE_DATABASE"),
        ("Deployment webhooks", _container(env=UNKNOWN_SECRET), "does not say who provides"),
        ("Deployment webhooks", _spec(selector=OTHER), "does not select its own pods"),
        ("Service webhooks", _spec(selector={"app": "x"}), "selects no pod"),
        ("Service webhooks", _spec(ports=[{"port": 80, "targetPort": "web"}]), "has no port web"),
        ("PodDisruptionBudget webhooks", _spec(selector=OTHER), "selects no pod"),
        ("PodMonitor box-office", _spec(selector=OTHER), "selects no pod"),
        ("NetworkPolicy notices", _spec(podSelector=OTHER), "selects no pod"),
        ("NetworkPolicy notices", _spec(ingress=[{"ports": [{"port": 80}]}]), "lets in at 80"),
        ("NetworkPolicy temporal", _spec(egress=TO_X), "README.md does not list x"),
        ("Deployment webhooks", _no_probe, "nobody knows whether it works"),
        ("WorkerDeployment worker", _spec(workerOptions=OTHER_SERVER), "there is no Connection x"),
        ("Connection temporal", _spec(hostPort="elsewhere:7233"), "leads elsewhere"),
        ("WorkerDeployment worker", _spec(replicas=3), "Additional properties are not allowed"),
        ("Deployment consumers", _spec(replicas=3), "fights over the replicas of consumers"),
        ("ScaledObject consumers", _spec(scaleTargetRef={"name": "x"}), "no Deployment x"),
        ("WorkerResourceTemplate scaling", _trigger(taskQueue="x"), "counts another backlog"),
        ("WorkerResourceTemplate scaling", _trigger(namespace="default"), "names the version"),
        ("WorkerResourceTemplate scaling", _trigger(targetQueue="1"), "is not valid under any"),
        (
            "WorkerResourceTemplate disruption",
            _spec(workerDeploymentRef={"name": "x"}),
            "there is no WorkerDeployment x",
        ),
        ("Deployment webhooks", _pod(restart="Always"), "Additional properties are not allowed"),
        ("WorkerDeployment worker", _pod(restart="Always"), "Additional properties are not"),
    ],
)
def test_a_fault_is_found(name: str, damage: Damage, fault: str) -> None:
    resources = load()
    before = set(faults(resources))
    (damaged,) = (resource for resource in resources if name_of(resource) == name)
    damage(damaged)
    assert any(fault in found for found in set(faults(resources)) - before)


def test_a_secret_in_the_tree_is_found() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "stringData": {}}
    assert faults([secret]) == ["Secret x: a secret is in the tree"]
