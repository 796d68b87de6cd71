"""What two real tasks of Airflow tell others: by OpenLineage, with the transport that writes a file, and by OTLP."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local_stack import Stack
from local_stack.airflow import environment
from local_stack.rest import airflow_api
from tests.collecting import Collector, collecting
from tests.pipeline import Pipeline
from tests.whole_stack import DAG, FirstRun, paused

LIMIT_SECONDS = 180


@dataclass
class Told:
    """The events of two tasks of a run, by task and kind."""

    name: str
    """The run in `etl.run`."""
    events: dict[tuple[str, str], dict[str, Any]]
    collector: Collector

    def dataset(self, task: str, side: str, name: str) -> dict[str, Any]:
        [found] = [one for one in self.events[task, "COMPLETE"][side] if one["name"] == name]
        return dict(found)


@pytest.fixture(scope="module")
def told(stack: Stack, traffic: Pipeline, first_run: FirstRun, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Run `aggregate` and `check_quality` over new events, some of them rejected, while no other run works."""
    file = tmp_path_factory.mktemp("lineage") / "events.ndjson"
    transport = {"type": "file", "log_file_path": str(file), "append": True}
    now = datetime.now(UTC).isoformat()
    with airflow_api(stack) as api, paused(api), collecting() as collector:
        own = {"AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport)}
        own["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.url
        run_id = api.trigger(DAG)  # Airflow lets it wait, and the commands run its tasks
        traffic.produce(json.dumps({"host": "lineage.example", "event_time": now}).encode(), b"no event", b"nor this")
        for task in ("aggregate", "check_quality"):
            done = subprocess.run(
                [str(Path(sys.prefix, "bin", "airflow")), "tasks", "test", DAG, task, run_id],
                env=os.environ | stack.process_environment() | environment(stack) | own,
                capture_output=True,
                text=True,
                check=False,
                timeout=LIMIT_SECONDS,
            )
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        api.patch(f"/dags/{DAG}/dagRuns/{run_id}", state="success")
    events = [json.loads(line) for line in file.read_text().splitlines()]
    return Told(
        f"{DAG}/{run_id}",
        {(event["job"]["name"].rpartition(".")[2], event["eventType"]): event for event in events},
        collector,
    )


def test_a_run_tells_topic_and_tables_with_the_figures_of_its_books(
    told: Told, stack: Stack, traffic: Pipeline
) -> None:
    [(read, windows, rejected)] = traffic.query(
        f"SELECT read, windows, rejected + future FROM etl.run WHERE name = '{told.name}'"
    )
    assert (read, rejected) == (3, 2)
    topic = told.dataset("aggregate", "inputs", "web_traffic_topic")
    assert topic["namespace"] == f"kafka://{stack.kafka_url}"
    assert topic["inputFacets"]["inputStatistics"]["rowCount"] == read
    for table, rows in (("public.aggregated_web_traffic", windows), ("etl.rejected_event", rejected)):
        written = told.dataset("aggregate", "outputs", f"web_traffic.{table}")
        assert written["namespace"] == f"postgres://127.0.0.1:{stack.ports.postgres}"
        assert written["outputFacets"]["outputStatistics"]["rowCount"] == rows


def test_a_check_tells_the_outcome_of_each_rule(told: Told, traffic: Pipeline) -> None:
    table = told.dataset("check_quality", "inputs", "web_traffic.public.aggregated_web_traffic")
    assertions = table["inputFacets"]["dataQualityAssertions"]["assertions"]
    found = {(one["assertion"], one["severity"], one["success"]) for one in assertions}
    kept = traffic.query(
        "SELECT rule, severity, status = 'passed' FROM etl.quality_result "
        f"WHERE run_name = '{told.name}' AND status <> 'nothing to check'"
    )
    assert found == set(kept)
    assert ("books_close", "error", True) in found


def test_each_event_says_what_it_is_and_holds_no_password(told: Told, stack: Stack) -> None:
    assert {kind for _, kind in told.events} == {"START", "COMPLETE"}
    assert stack.secrets.postgres_writer not in json.dumps(list(told.events.values()))
    for event in told.events.values():
        assert event["schemaURL"].startswith("https://openlineage.io/spec/")


def test_the_metrics_of_the_run_arrive_when_it_is_checked(told: Told) -> None:
    found = told.collector.found
    assert found["web_traffic_run_events", frozenset({("figure", "read")})] == 3
    assert found["web_traffic_run_events", frozenset({("figure", "rejected")})] == 2
