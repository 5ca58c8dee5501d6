"""deploy/kubernetes, and what in it would only be found by a cluster, or in production.

Standard resources are checked by the strict schemas of the version that README.md names. Custom
resources: by custom_resources.yaml, and what they hold (a pod template, another resource) by the
schema of what the controller makes of it.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it has no types
import yaml
from jsonschema import Draft202012Validator

from entrypoints.interrupts import SHUTDOWN
from entrypoints.settings import PREFIX, Settings
from tests.integration.deploy.images import ROOT, runs

FOLDER = ROOT / "deploy" / "kubernetes"
README = (FOLDER / "README.md").read_text()
VERSION = re.findall(r"Kubernetes (\d+\.\d+)", README)[0]
PROVIDED = README.split("## Settings and secrets")[1].split("## Install")[0]
SECRET_KEYS = set(re.findall(r"^\| `([a-z-]+)` \|", PROVIDED, re.MULTILINE))
NAMESPACES = set(re.findall(r"^\* `([a-z-]+)`:", README, re.MULTILINE))
CUSTOM: dict[str, Any] = yaml.safe_load(
    Path(__file__).with_name("custom_resources.yaml").read_text()
)
SETTINGS = dict(
    line.split("=", 1) for line in (FOLDER / "settings.env").read_text().splitlines() if line
)
TEMPORAL = SETTINGS["TEMPORAL_ADDRESS"], SETTINGS["TEMPORAL_NAMESPACE"]
COMPONENT = "app.kubernetes.io/component"
OF_A_NAMESPACE = "kubernetes.io/metadata.name"
LOCKED_DOWN = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
FILLED_IN = ("namespace", "workerDeploymentName", "workerDeploymentBuildId")  # by the controller
GRACE_SECONDS = 30  # Kubernetes' default
Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pod:
    """The pods of a resource: what their labels are and what is in them. Each has one container."""

    owner: str
    labels: Mapping[str, str]
    spec: Resource

    @property
    def container(self) -> Resource:
        (container,) = self.spec["containers"]
        return dict(container)

    @property
    def ports(self) -> dict[str, int]:
        return {port["name"]: port["containerPort"] for port in self.container.get("ports", [])}

    @property
    def probes(self) -> list[Resource]:
        return [value for key, value in self.container.items() if key.endswith("Probe")]


def load() -> list[Resource]:
    return [
        resource
        for file in sorted(listed_files())
        for resource in yaml.safe_load_all(file.read_text())
    ]


def listed_files() -> set[Path]:
    return {
        kustomization.parent / name
        for kustomization in FOLDER.rglob("kustomization.yaml")
        for name in yaml.safe_load(kustomization.read_text()).get("resources", [])
    }


def pods(resources: Sequence[Resource]) -> list[Pod]:
    templates = [
        (resource["metadata"]["name"], resource["spec"]["template"])
        for resource in resources
        if resource["kind"] in ("Deployment", "Job", "WorkerDeployment")
    ]
    return [Pod(name, it["metadata"]["labels"], it["spec"]) for name, it in templates]


def asked_paths() -> list[tuple[str, int, str]]:
    """Component, port and path of whatever a kubelet or Prometheus asks by HTTP."""
    resources = load()
    monitored = [
        (pod.labels[COMPONENT], pod.ports[endpoint["port"]], endpoint["path"])
        for monitor in resources
        if monitor["kind"] == "PodMonitor"
        for endpoint in monitor["spec"]["podMetricsEndpoints"]
        for pod in pods(resources)
        if selects(monitor["spec"]["selector"], pod.labels) and endpoint["port"] in pod.ports
    ]
    probed = [
        (pod.labels[COMPONENT], pod.ports[probe["httpGet"]["port"]], probe["httpGet"]["path"])
        for pod in pods(resources)
        for probe in pod.probes
        if "httpGet" in probe
    ]
    return sorted({*monitored, *probed})


def faults(resources: Sequence[Resource]) -> list[str]:
    """Faults of the shape, or else of the meaning."""
    by_name = {(resource["kind"], resource["metadata"]["name"]): resource for resource in resources}
    shape = [
        f"{name_of(resource)}: {fault}"
        for resource in resources
        for fault in _shape_of(json.dumps(resource))
    ]
    return shape or [
        *(f"{pod.owner}: {fault}" for pod in pods(resources) for fault in _pod(pod)),
        *(
            f"{name_of(resource)}: {fault}"
            for resource in resources
            for check in CHECKS.get(resource["kind"], ())
            for fault in check(resource, pods(resources), by_name)
        ),
    ]


def selects(selector: Resource, labels: Mapping[str, str]) -> bool:
    return all(
        labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()
    ) and all(
        labels.get(expression["key"]) in expression["values"]
        for expression in selector.get("matchExpressions", [])
    )


def rendered(template: Resource) -> Resource:
    """What the controller makes of a template: it fills in what is empty."""
    made = deepcopy(template)
    made["metadata"] = {"name": "made"}
    if made["spec"].get("scaleTargetRef") == {}:
        made["spec"]["scaleTargetRef"] = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": "made",
        }
    if made["spec"].get("selector") == {"matchLabels": {}}:
        made["spec"]["selector"] = {"matchLabels": {"temporal.io/build-id": "made"}}
    return made


@cache
def _shape_of(resource: str) -> tuple[str, ...]:
    return tuple(_shape(json.loads(resource)))  # a look at a schema takes 0.1 s


def _shape(resource: Resource) -> Iterator[str]:
    kind = resource["kind"]
    if kind not in CUSTOM:
        try:
            kubernetes_validate.validate(resource, VERSION, strict=True)
        except (
            kubernetes_validate.ValidationError,
            kubernetes_validate.SchemaNotFoundError,
        ) as error:
            yield error.message
        return
    definition = CUSTOM[kind]
    if resource["apiVersion"] != definition["apiVersion"]:
        yield f"{resource['apiVersion']} has no {kind}"
    schema = {**definition["spec"], "$defs": CUSTOM["$defs"]}
    yield from (
        f"{error.json_path}: {error.message}"
        for error in Draft202012Validator(schema).iter_errors(resource["spec"])
    )
    template = resource["spec"].get("template")
    if kind == "WorkerDeployment":
        spec = {"selector": {}, "template": template}
        yield from _shape({"apiVersion": "apps/v1", "kind": "Deployment", "spec": spec})
    elif kind == "WorkerResourceTemplate":
        yield from _shape(rendered(template))


def _pod(pod: Pod) -> Iterator[str]:
    container, spec = pod.container, pod.spec
    if not runs(container["command"], "box-office"):
        yield f"cannot run {container['command']}"
    if spec.get("securityContext") != {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }:
        yield "is not what the namespace admits"
    if container.get("securityContext") != LOCKED_DOWN:
        yield "its container is not locked down"
    if spec.get("automountServiceAccountToken", True):
        yield "is given a token of Kubernetes"
    requests, limits = (container.get("resources", {}).get(it, {}) for it in ("requests", "limits"))
    if requests.keys() != {"cpu", "memory"} or "memory" not in limits:
        yield "says nothing of what it needs"
    for spread in spec.get("topologySpreadConstraints", []):
        if not selects(spread["labelSelector"], pod.labels):
            yield "is spread by the labels of others"
    before = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    grace = spec.get("terminationGracePeriodSeconds", GRACE_SECONDS)
    if grace <= before + SHUTDOWN.total_seconds():
        yield "is killed while its work may still be going on"
    yield from _probes(pod)
    yield from _environment(pod)


def _probes(pod: Pod) -> Iterator[str]:
    is_asked = {"readinessProbe", "livenessProbe"} <= pod.container.keys()
    if not is_asked and pod.spec.get("restartPolicy") != "OnFailure":
        yield "nobody knows whether it works"
    for probe in pod.probes:
        (asked,) = (value for key, value in probe.items() if key in ("httpGet", "tcpSocket"))
        if asked["port"] not in pod.ports:
            yield f"is asked at port {asked['port']}, which it does not have"


def _environment(pod: Pod) -> Iterator[str]:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    given = {variable["name"]: variable for variable in pod.container.get("env", [])}
    if "envFrom" in pod.container:
        if pod.container["envFrom"] != [{"configMapRef": {"name": "settings"}}]:
            yield "takes settings from what is not there"
        listening = {SETTINGS[f"BOX_OFFICE_{name}_ADDRESS"] for name in ("HEALTH", "METRICS")}
        if {int(address.split(":")[1]) for address in listening} != set(pod.ports.values()):
            yield "does not listen at the ports that it names"
    for name in [*given, *(SETTINGS if "envFrom" in pod.container else {})]:
        if name.startswith(PREFIX) and name not in known:
            yield f"unknown setting {name}"
    for variable in given.values():
        secret = variable.get("valueFrom", {}).get("secretKeyRef")
        if secret and (secret["name"], secret["key"] in SECRET_KEYS) != ("box-office", True):
            yield f"README.md does not say who provides {secret['name']}/{secret['key']}"


def _selects_pods(resource: Resource, all_pods: Sequence[Pod], _: object) -> Iterator[str]:
    spec = resource["spec"]
    selector = (
        {"matchLabels": spec["selector"]}
        if resource["kind"] == "Service"
        else spec["podSelector" if resource["kind"] == "NetworkPolicy" else "selector"]
    )
    selected = [pod for pod in all_pods if selects(selector, pod.labels)]
    if not selected:
        yield "selects no pod"
    for expression in selector.get("matchExpressions", []):
        here = {pod.labels[expression["key"]] for pod in selected}
        yield from (f"there is no {value}" for value in expression["values"] if value not in here)
    for port in spec.get("ports", []):
        yield from (
            f"{pod.owner} has no port {port['targetPort']}"
            for pod in selected
            if port["targetPort"] not in pod.ports
        )


def _from_and_to_known_namespaces(resource: Resource, *_: object) -> Iterator[str]:
    named = re.findall(rf"'{OF_A_NAMESPACE}': '([a-z-]+)'", str(resource["spec"]))
    yield from (f"README.md does not list {name}" for name in named if name not in NAMESPACES)


def _lets_in_where_somebody_listens(
    resource: Resource, all_pods: Sequence[Pod], _: object
) -> Iterator[str]:
    selected = [pod for pod in all_pods if selects(resource["spec"]["podSelector"], pod.labels)]
    listening = {port for pod in selected for port in pod.ports.values()}
    opened = {
        port["port"] for rule in resource["spec"].get("ingress", []) for port in rule["ports"]
    }
    yield from (f"lets in at {port}, where nobody listens" for port in opened - listening)


def _selects_itself(resource: Resource, all_pods: Sequence[Pod], _: object) -> Iterator[str]:
    name = resource["metadata"]["name"]
    (own,) = (pod for pod in all_pods if pod.owner == name)
    others = [pod for pod in all_pods if pod.owner != name]
    if not selects(resource["spec"]["selector"], own.labels):
        yield "does not select its own pods"
    if any(selects(resource["spec"]["selector"], pod.labels) for pod in others):
        yield "selects the pods of others"


def _leads_to_temporal(
    resource: Resource, _: object, by_name: Mapping[Any, Resource]
) -> Iterator[str]:
    options = resource["spec"]["workerOptions"]
    connection = by_name.get(("Connection", options["connectionRef"]["name"]))
    if connection is None:
        yield f"there is no Connection {options['connectionRef']['name']}"
    elif (connection["spec"]["hostPort"], options["temporalNamespace"]) != TEMPORAL:
        yield f"leads elsewhere than settings.env: {TEMPORAL}"


def _belongs_to_workers(
    resource: Resource, _: object, by_name: Mapping[Any, Resource]
) -> Iterator[str]:
    worker = resource["spec"]["workerDeploymentRef"]["name"]
    if ("WorkerDeployment", worker) not in by_name:
        yield f"there is no WorkerDeployment {worker}"
    for trigger in resource["spec"]["template"]["spec"].get("triggers", []):
        said = trigger["metadata"]
        queue = Settings.model_fields["task_queue"].default
        if (said["endpoint"], said["taskQueue"]) != (TEMPORAL[0], queue):
            yield f"counts another backlog than {queue} at {TEMPORAL[0]}"
        if any(said[key] for key in FILLED_IN):
            yield "names the version, which the controller does"


def _scales(resource: Resource, _: object, by_name: Mapping[Any, Resource]) -> Iterator[str]:
    name = resource["spec"]["scaleTargetRef"]["name"]
    target = by_name.get(("Deployment", name))
    if target is None:
        yield f"there is no Deployment {name}"
    elif "replicas" in target["spec"]:
        yield f"fights over the replicas of {name}"


def _must_not_be_here(*_: object) -> Iterator[str]:
    yield "a secret is in the tree"


Check = Callable[[Resource, Sequence[Pod], Mapping[Any, Resource]], Iterator[str]]
CHECKS: dict[str, tuple[Check, ...]] = {
    "Deployment": (_selects_itself,),
    "NetworkPolicy": (
        _selects_pods,
        _from_and_to_known_namespaces,
        _lets_in_where_somebody_listens,
    ),
    "PodDisruptionBudget": (_selects_pods,),
    "PodMonitor": (_selects_pods,),
    "ScaledObject": (_scales,),
    "Secret": (_must_not_be_here,),
    "Service": (_selects_pods,),
    "WorkerDeployment": (_leads_to_temporal,),
    "WorkerResourceTemplate": (_belongs_to_workers,),
}


def name_of(resource: Resource) -> str:
    return f"{resource['kind']} {resource['metadata']['name']}"
