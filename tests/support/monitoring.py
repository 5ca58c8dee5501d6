"""The files for Prometheus and Grafana, and what their queries ask for."""

import json
import re
from collections.abc import Iterator, Mapping, Set
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "box-office.json").read_text())
CONFIG: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
ALERTS_FILE = DEPLOY / "prometheus" / "alerts.yml"
ALERTS: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(ALERTS_FILE.read_text())["groups"] for rule in group["rules"]
]
# Ours, Temporal's, and Prometheus' own. The rest of a query is functions and labels.
SELECTOR = re.compile(
    r"\b((?:box_office|temporal|refund|service_latency)_\w+|up)\b(?!\s*=)(?:\{(.*?)\})?"
)
MATCHER = re.compile(r'(\w+)(=~|=)"(.*?)"')

Series = Mapping[str, Set[frozenset[tuple[str, str]]]]  # the label sets of each name


@dataclass(frozen=True, slots=True)
class Selector:
    name: str
    matchers: tuple[tuple[str, str, str], ...]

    def finds(self, series: Series) -> bool:
        """Whether a series of this name has labels that match."""
        return any(self._matches(dict(labels)) for labels in series.get(self.name, ()))

    def _matches(self, labels: Mapping[str, str]) -> bool:
        return all(
            re.fullmatch(value if operator == "=~" else re.escape(value), labels.get(label, ""))
            for label, operator, value in self.matchers
        )


def selectors(expression: str) -> set[Selector]:
    return {
        Selector(name, tuple(MATCHER.findall(matchers)))
        for name, matchers in SELECTOR.findall(expression)
    }


def panels(dashboard: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def config_for(urls: Mapping[str, str]) -> dict[str, Any]:
    """The configuration, with these targets for the services of the compose file."""
    config = deepcopy(CONFIG) | {"rule_files": [str(ALERTS_FILE)]}
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    jobs = [job for job in config["scrape_configs"] if job["job_name"] in urls]
    config["scrape_configs"] = jobs
    for job in jobs:
        for discovery in ("dns_sd_configs", "static_configs"):
            job.pop(discovery, None)
        job["static_configs"] = [{"targets": [urlsplit(urls[job["job_name"]]).netloc]}]
    return config
