"""Dashboard and alerts ask for what the system exports: looked at after a demo."""

import asyncio
import json
import math
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path

import aiohttp
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from temporalio.client import Client

from entrypoints.devstack.children import child, claim, free_port
from entrypoints.devstack.servers import listens, until_ready
from entrypoints.settings import LOOPBACK
from tests.support.monitoring import (
    ALERTS,
    ALERTS_FILE,
    CONFIG,
    DASHBOARD,
    DEPLOY,
    Selector,
    Series,
    config_for,
    panels,
    selectors,
)
from tests.support.patience import SOON
from tests.support.shell import box_office, exports, staying
from tests.support.waiting import eventually

STARTS = timedelta(seconds=150)
STAYS_UP = "Ctrl-C stops everything and removes its data."
METRICS = re.compile(r"^\s*Metrics of ([\w-]+): (http://\S+/metrics)$")
REFUSE_A_REFUND = [{"operation": "refund", "fault": "refuse"}]
RUNBOOK = DEPLOY.parent / "docs" / "runbook.md"
PROMTOOL, PROMETHEUS = shutil.which("promtool"), shutil.which("prometheus")


@dataclass(frozen=True, slots=True)
class Demo:
    """What `demo --keep` has left running, and how other terminals find it."""

    urls: Mapping[str, str]  # of metrics, by job
    environment: Mapping[str, str]

    async def series(self) -> Series:
        found: dict[str, set[frozenset[tuple[str, str]]]] = {}
        for job, url in self.urls.items():
            found.setdefault("up", set()).add(frozenset({("job", job)}))
            async with aiohttp.ClientSession() as session, session.get(url) as answer:
                text = await answer.text()
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    labels = frozenset(sample.labels.items()) | {("job", job)}
                    found.setdefault(sample.name, set()).add(labels)
        return found


@asynccontextmanager
async def demo_that_stays(directory: Path) -> AsyncIterator[Demo]:
    keep = staying("demo", "--keep", prints=STAYS_UP, within=STARTS, TMPDIR=str(directory))
    async with keep as (_, lines):
        urls = {match[1]: match[2] for line in lines if (match := METRICS.match(line))}
        yield Demo(urls, exports(lines))


@pytest.mark.timeout(300)  # a busy machine; 60 s on an idle one
async def test_every_panel_and_every_alert_asks_for_what_exists(tmp_path: Path) -> None:
    async with demo_that_stays(tmp_path) as demo:
        jobs = {job["job_name"] for job in CONFIG["scrape_configs"]}
        assert jobs - {"codec-server"} == set(demo.urls)  # the demo encrypts nothing
        async with asyncio.TaskGroup() as group:
            group.create_task(_a_refund_that_is_refused_once(demo))
            group.create_task(_a_workflow_that_no_worker_knows(demo))
        if PROMETHEUS:
            assert await _empty_panels(PROMETHEUS, tmp_path / "prometheus", demo) == []
        asked = {selector for rule in ALERTS for selector in selectors(rule["expr"])}
        asked |= {selector for _, query in panels(DASHBOARD) for selector in selectors(query)}
        series = await demo.series()
    names = {selector.name for selector in asked}
    assert names <= series.keys()
    empty = {
        title: query
        for title, query in panels(DASHBOARD)
        if not all(selector.finds(series) for selector in selectors(query))
    }
    assert empty == {}


async def _empty_panels(prometheus: str, directory: Path, demo: Demo) -> Sequence[str]:
    """The panels without a number, asked of a real Prometheus that has just started."""
    port = free_port()
    async with claim(directory) as home:
        config = directory / "prometheus.yml"
        config.write_text(yaml.safe_dump(config_for(demo.urls)))
        command = (
            *(prometheus, f"--config.file={config}", f"--storage.tsdb.path={directory / 'data'}"),
            f"--web.listen-address={LOOPBACK}:{port}",
        )
        async with child(home, "prometheus", command) as started:
            await until_ready(started, lambda: listens(port))
            async with aiohttp.ClientSession(f"http://{LOOPBACK}:{port}") as session:
                return [
                    f"{title}: {query}"
                    for title, query in panels(DASHBOARD)
                    if not await _soon(partial(_has_numbers, session, query))
                ]


async def _has_numbers(session: aiohttp.ClientSession, query: str) -> bool:
    async with session.get("/api/v1/query", params={"query": query}) as answer:
        if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
            return False  # it is not up yet
        body = await answer.json()
    assert body["status"] == "success", body
    return any(not math.isnan(float(sample["value"][1])) for sample in body["data"]["result"])


async def _a_refund_that_is_refused_once(demo: Demo) -> None:
    url = f"{demo.environment['BOX_OFFICE_PROVIDER_URL']}v1/faults"
    async with aiohttp.ClientSession() as session, session.put(url, json=REFUSE_A_REFUND) as answer:
        assert answer.status == HTTPStatus.OK
    code, output = await box_office("pay", "ann-1", "--json", environment=demo.environment)
    assert (code, json.loads(output)["error"]["refund_reason"]) == (3, "already_settled")


async def _a_workflow_that_no_worker_knows(demo: Demo) -> None:
    client = await Client.connect(demo.environment["TEMPORAL_ADDRESS"])
    unknown = await client.start_workflow("Unknown", id="unknown", task_queue="ticketing")

    async def it_failed() -> bool:
        return "temporal_workflow_task_execution_failed_total" in await demo.series()

    assert await _soon(it_failed)
    await unknown.terminate()


async def _soon(condition: Callable[[], Awaitable[bool]]) -> bool:
    with suppress(TimeoutError):
        return await eventually(condition, "it is so", SOON)
    return False


def test_a_name_or_a_label_that_nobody_exports_is_found() -> None:
    series = {"box_office_seats": {frozenset({("state", "sold")})}}
    query = 'max by (state) (box_office_seats{state=~"held|sold"}) / rate(box_office_seat[5m])'
    sold, typo = sorted(selectors(query), key=lambda selector: -len(selector.name))
    assert sold == Selector("box_office_seats", (("state", "=~", "held|sold"),))
    assert sold.finds(series)
    assert not typo.finds(series)
    assert not Selector("box_office_seats", (("state", "=", "free"),)).finds(series)


def test_every_panel_has_a_title_of_its_own_and_asks_the_chosen_prometheus() -> None:
    drawn = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    assert len({panel["title"] for panel in drawn}) == len(drawn)
    assert {panel["datasource"]["uid"] for panel in drawn} == {"${datasource}"}
    assert all(panel["targets"] for panel in drawn)


def test_every_alert_says_what_is_wrong_how_urgent_it_is_and_where_the_cure_is() -> None:
    for rule in ALERTS:
        assert rule["labels"]["severity"] in ("page", "ticket"), rule
        assert rule["annotations"].keys() == {"summary", "runbook"}, rule


@pytest.mark.skipif(PROMTOOL is None, reason="promtool (Debian: prometheus) is not installed")
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", DEPLOY / "prometheus" / "prometheus.yml"),
        ("check", "rules", ALERTS_FILE),
        ("test", "rules", Path(__file__).with_name("alerts_test.yml")),
    ],
    ids=["config", "rules", "each alert fires when it should and not before"],
)
def test_prometheus_accepts_the_files(arguments: tuple[str | Path, ...]) -> None:
    assert PROMTOOL is not None
    checked = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alert_names_a_heading_of_the_runbook() -> None:
    headings = {line.lstrip("# ") for line in RUNBOOK.read_text().splitlines() if line[:1] == "#"}
    assert {rule["annotations"]["runbook"] for rule in ALERTS} <= headings
