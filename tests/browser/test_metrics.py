"""The page's metrics, scraped by a real Prometheus; the rules and the dashboard know only metrics that there are."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local_stack import Stack
from local_stack.environment import REPO, Ports
from tests.faults.stopped import wait_until
from tests.pipeline import Pipeline
from tests.whole_stack import METRICS_TOKEN, FirstRun

FOLDER = REPO / "monitoring"
NAME = re.compile(r"\bweb_traffic_\w+")


def program(name: str) -> str:
    """Return the path of a program of Prometheus."""
    return shutil.which(name) or pytest.fail(
        "the tests need Prometheus: on Debian and Ubuntu `apt-get install prometheus`"
    )


def scraped(stack: Stack) -> str:
    answer = httpx.get(
        f"{stack.airflow_url}/web-traffic/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}
    )
    assert answer.status_code == 200
    return answer.text


def test_the_token_opens_the_metrics_and_nothing_else(stack: Stack, first_run: FirstRun) -> None:
    assert "web_traffic_run_events" in scraped(stack)
    for token, path in (
        (METRICS_TOKEN, "/api/traffic"),
        (METRICS_TOKEN, "/"),
        ("wrong", "/metrics"),
    ):
        answer = httpx.get(f"{stack.airflow_url}/web-traffic{path}", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code in (401, 403), path  # 403 is Airflow's answer to a token that is none of its own


def test_the_metrics_are_what_the_books_say(stack: Stack, traffic: Pipeline, first_run: FirstRun) -> None:
    found = dict(line.rsplit(" ", 1) for line in scraped(stack).splitlines() if not line.startswith("#"))
    [(read, rejected, sealed)] = traffic.query(
        "SELECT r.read, r.rejected, extract(EPOCH FROM p.sealed_until) FROM etl.run AS r, etl.pipeline AS p "
        "WHERE r.kind = 'live' AND r.open_after IS NOT NULL ORDER BY r.run_id DESC LIMIT 1"
    )
    assert float(found['web_traffic_run_events{figure="read"}']) == read
    assert float(found['web_traffic_run_events{figure="rejected"}']) == rejected
    assert float(found["web_traffic_sealed_timestamp_seconds"]) == float(sealed)
    assert float(found['web_traffic_open_incidents{severity="error"}']) == 0


@pytest.mark.parametrize("file", ["alerts.yml", "grafana.json"])
def test_rules_and_dashboard_ask_for_metrics_that_there_are(stack: Stack, first_run: FirstRun, file: str) -> None:
    named = set(NAME.findall((FOLDER / file).read_text()))
    assert named
    assert named <= set(NAME.findall(scraped(stack)))


def test_the_dashboard_is_one_that_grafana_can_read() -> None:
    dashboard = json.loads((FOLDER / "grafana.json").read_text())
    assert {"title", "uid", "schemaVersion", "panels", "templating", "time"} <= dashboard.keys()
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for panel in dashboard["panels"]:
        assert panel["type"] in ("timeseries", "stat")
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        assert all(target["expr"] for target in panel["targets"])


@pytest.fixture
def prometheus(stack: Stack, first_run: FirstRun, tmp_path: Path) -> Iterator[str]:
    """Run Prometheus with the project's files against the page, and return its address."""
    for name in ("prometheus.yml", "alerts.yml"):
        shutil.copy(FOLDER / name, tmp_path)
    (tmp_path / "token").write_text(METRICS_TOKEN)
    file = tmp_path / "prometheus.yml"
    address = stack.airflow_url.removeprefix("http://")
    file.write_text(file.read_text().replace("127.0.0.1:8080", address).replace("30s", "1s"))
    listen = f"127.0.0.1:{Ports.free().mail}"
    command = [
        program("prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={tmp_path}",
        f"--web.listen-address={listen}",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield f"http://{listen}"
    process.terminate()
    process.wait(30)


def ask(prometheus: str, query: str) -> list[dict[str, Any]]:
    try:
        answer = httpx.get(f"{prometheus}/api/v1/query", params={"query": query})
    except httpx.TransportError:
        return []
    return list(answer.json()["data"]["result"]) if answer.status_code == httpx.codes.OK else []  # it is starting


def test_prometheus_scrapes_the_page_and_evaluates_each_query(prometheus: str) -> None:
    wait_until(lambda: ask(prometheus, "up == 1") != [], "Prometheus has scraped the page", 60)
    [sealed] = ask(prometheus, "web_traffic_sealed_timestamp_seconds")
    assert float(sealed["value"][1]) > 0
    dashboard = json.loads((FOLDER / "grafana.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            query = httpx.get(f"{prometheus}/api/v1/query", params={"query": target["expr"]}).json()
            assert query["status"] == "success", target["expr"]


def test_the_alert_rules_fire_when_they_should() -> None:
    done = subprocess.run(
        [program("promtool"), "test", "rules", "alerts_test.yml"],
        cwd=FOLDER,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
