"""The examples of DAGs that follow the pipeline, by the real scheduler."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from local_stack import Stack
from local_stack.rest import AirflowApi, airflow_api
from tests.faults.stopped import wait_until
from tests.pipeline import Pipeline
from tests.whole_stack import DAG, LIMIT_SECONDS, FirstRun, active_runs

HOUR, DAY, WINDOW = timedelta(hours=1), timedelta(days=1), timedelta(minutes=5)
HOURS, DAYS, RESTATED = "web_traffic_hours", "web_traffic_days", "web_traffic_restated_hours"


@pytest.fixture(scope="module")
def airflow(stack: Stack, first_run: FirstRun) -> Iterator[AirflowApi]:
    with airflow_api(stack) as api:
        yield api


def keys(airflow: AirflowApi, asset: str) -> list[datetime]:
    """Return the partition keys of all events of an asset, in the order of time."""
    [found] = airflow.get("/assets", name_pattern=asset)["assets"]
    events = airflow.get("/assets/events", asset_id=found["id"], limit=1000)["asset_events"]
    return sorted(datetime.fromisoformat(f"{event['partition_key']}+00:00") for event in events)


def runs_about(airflow: AirflowApi, dag_id: str, start: datetime) -> list[str]:
    """Return the runs of a DAG about the hour or day that starts then, the newest first."""
    runs = airflow.runs(dag_id, "asset_triggered", limit=100)
    return [run["dag_run_id"] for run in runs if run["partition_key"] == f"{start:%Y-%m-%dT%H:%M:%S}"]


def counted(airflow: AirflowApi, dag_id: str, start: datetime, earlier: int = 0) -> int:
    """Wait for a run about that hour or day beside the earlier ones, and return the hits that it has counted."""
    wait_until(lambda: len(runs_about(airflow, dag_id, start)) > earlier, f"a run of {dag_id}", LIMIT_SECONDS)
    run_id = runs_about(airflow, dag_id, start)[0]
    assert airflow.wait_for_run(dag_id, run_id, LIMIT_SECONDS)["state"] == "success"
    result = airflow.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/count_hits/xcomEntries/return_value")
    return int(result["value"])


@pytest.fixture(scope="module")
def hour(airflow: AirflowApi, first_run: FirstRun) -> datetime:
    """Return the start of the newest hour that the first run has closed."""
    path = f"/dags/{DAG}/dagRuns/{first_run.run_id}/taskInstances/aggregate/xcomEntries/return_value"
    closed_until = datetime.fromisoformat(airflow.get(path)["value"]["sealed_until"])
    return closed_until.replace(minute=0, second=0, microsecond=0) - HOUR


def changes(traffic: Pipeline, hour: datetime) -> list[tuple[int, int | None]]:
    """Return new and old hits of each row of that hour that was restated; other tests do that, too."""
    return [
        (new or 0, old)
        for start, new, old in traffic.query("SELECT window_start, new_hits, old_hits FROM etl.restatement")
        if hour <= start < hour + HOUR
    ]


def hits(traffic: Pipeline, start: datetime, length: timedelta) -> int:
    return sum(hits for (window, _, _), hits in traffic.windows().items() if start <= window < start + length)


def test_the_first_run_of_the_pipeline_starts_one_for_the_newest_hour_and_one_for_the_newest_day(
    airflow: AirflowApi, traffic: Pipeline, hour: datetime
) -> None:
    day = (hour + HOUR).replace(hour=0) - DAY
    found = counted(airflow, "on_complete_hour", hour), counted(airflow, "on_complete_day", day)
    late = sum(new - (old or 0) for new, old in changes(traffic, hour))
    assert found == (hits(traffic, hour, HOUR) - late, hits(traffic, day, DAY))
    assert found[0] > 0
    for run in airflow.runs(DAG):  # the plain asset stays plain, and gets no event of the others
        events = airflow.get("/assets/events", source_run_id=run["dag_run_id"], source_task_id="publish")
        assert [(event["name"], event["partition_key"]) for event in events["asset_events"]] in (
            [],
            [("aggregated_web_traffic", None)],
        )


def test_a_complete_hour_that_is_restated_starts_a_run_of_its_own(
    airflow: AirflowApi, traffic: Pipeline, hour: datetime
) -> None:
    before, earlier = hits(traffic, hour, HOUR), len(runs_about(airflow, "on_restated_hour", hour))
    late = {"host": "late-for-downstream.example", "event_time": (hour + HOUR / 2).isoformat()}
    traffic.produce(json.dumps(late).encode())
    airflow.wait_for_run(DAG, airflow.trigger(DAG), LIMIT_SECONDS)
    conf = {"restate_from": (hour + HOUR / 2).isoformat(), "restate_to": (hour + HOUR / 2 + WINDOW).isoformat()}
    run = airflow.wait_for_run(DAG, airflow.trigger(DAG, conf=conf), LIMIT_SECONDS)
    assert run["state"] == "success"
    assert counted(airflow, "on_restated_hour", hour, earlier) == before + 1


def test_what_was_told_is_not_told_again_if_the_run_publishes_once_more(
    airflow: AirflowApi, first_run: FirstRun
) -> None:
    wait_until(lambda: not active_runs(airflow), "no run of the DAG works", LIMIT_SECONDS)
    before = keys(airflow, RESTATED)
    again = {"dry_run": False, "dag_run_id": first_run.run_id, "task_ids": ["publish"], "only_failed": False}
    airflow.post(f"/dags/{DAG}/clearTaskInstances", include_downstream=True, **again)
    airflow.wait_for_run(DAG, first_run.run_id, LIMIT_SECONDS)
    for asset in (HOURS, DAYS):
        told = keys(airflow, asset)
        assert len(told) == len(set(told)) > 0
    assert keys(airflow, RESTATED) == before
