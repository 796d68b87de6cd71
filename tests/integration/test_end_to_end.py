"""The whole stack: Airflow runs the DAG by its schedule and by hand."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import pytest

from local_stack import Stack, up
from local_stack.rest import AirflowApi, airflow_api
from local_stack.spark import submit_environment
from tests.faults.stopped import wait_until
from tests.pipeline import Pipeline
from web_traffic.kafka import ensure_topic

DAG = "web_traffic"
LIMIT_SECONDS = 180
WINDOW = timedelta(minutes=5)


@pytest.fixture(scope="module")
def traffic(stack: Stack) -> Pipeline:
    """Return the pipeline that the stack's own DAG feeds."""
    up(stack, "mail", "airflow")
    pipeline = Pipeline(submit_environment(stack), stack.secrets.postgres_owner)
    ensure_topic(pipeline.settings)
    return pipeline


@pytest.fixture
def airflow(stack: Stack, traffic: Pipeline) -> Iterator[AirflowApi]:
    with airflow_api(stack) as api:
        api.unpause(DAG)
        wait_until(lambda: bool(api.runs(DAG)), "a scheduled run", LIMIT_SECONDS)
        for run in api.runs(DAG):
            api.wait_for_run(DAG, run["dag_run_id"], LIMIT_SECONDS)
        yield api


def states(airflow: AirflowApi, run_id: str) -> dict[str, str]:
    return {task["task_id"]: task["state"] for task in airflow.task_instances(DAG, run_id)}


def log(airflow: AirflowApi, run_id: str, task: str, attempt: int = 1) -> str:
    return json.dumps(airflow.get(f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/{task}/logs/{attempt}"))


def run_by_hand(airflow: AirflowApi, **conf: Any) -> tuple[str, dict[str, str]]:
    run_id = airflow.trigger(DAG, conf=conf)
    airflow.wait_for_run(DAG, run_id, LIMIT_SECONDS)
    return run_id, states(airflow, run_id)


def test_a_scheduled_run_counts_an_hour_of_traffic_to_the_row(stack: Stack, traffic: Pipeline) -> None:
    end = datetime.now(UTC)
    truth = traffic.produce_traffic(20_000, seed=11, start=end - timedelta(hours=1), end=end)
    with airflow_api(stack) as airflow:
        airflow.unpause(DAG)
        wait_until(lambda: bool(airflow.runs(DAG)), "a scheduled run", LIMIT_SECONDS)
        run = airflow.wait_for_run(DAG, airflow.runs(DAG)[-1]["dag_run_id"], LIMIT_SECONDS)
        run_id = run["dag_run_id"]
        assert states(airflow, run_id) == dict.fromkeys(
            ("prepare", "new_offsets", "aggregate", "check_quality", "publish"), "success"
        )
        aggregate = f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/aggregate"
        summary = airflow.get(f"{aggregate}/xcomEntries/return_value")["value"]
        [asset_event] = airflow.get("/assets/events", source_run_id=run_id)["asset_events"]
    assert (summary["name"], summary["read"], summary["late"]) == (run_id, 20_000, 0)
    assert asset_event["extra"] == summary
    sealed_until = datetime.fromisoformat(summary["sealed_until"])
    assert traffic.windows() == {
        (window.window_start, window.host, window.referrer): window.num_hits
        for window in truth.windows()
        if window.window_start + WINDOW <= sealed_until
    }
    assert traffic.recount().is_right


def test_a_run_without_new_offsets_starts_no_jvm(airflow: AirflowApi, traffic: Pipeline) -> None:
    before = traffic.query("SELECT count(*) FROM etl.run")
    run_id, states = run_by_hand(airflow)
    assert states == {
        "prepare": "success",
        "new_offsets": "success",
        "aggregate": "skipped",
        "check_quality": "success",
        "publish": "skipped",
    }
    assert traffic.query("SELECT count(*) FROM etl.run") == before
    assert "nothing new: Spark is skipped" in log(airflow, run_id, "new_offsets")


def test_a_run_by_hand_counts_new_events_and_shows_no_password(
    stack: Stack, airflow: AirflowApi, traffic: Pipeline
) -> None:
    traffic.produce(json.dumps({"host": "a.example", "event_time": datetime.now(UTC).isoformat()}).encode())
    run_id = airflow.trigger(DAG)
    command_lines: list[str] = []

    def has_ended() -> bool:
        command_lines.extend(" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))
        return airflow.get(f"/dags/{DAG}/dagRuns/{run_id}")["state"] in ("success", "failed")

    wait_until(has_ended, "the end of the run", LIMIT_SECONDS)
    assert set(states(airflow, run_id).values()) == {"success"}
    shown = "\n".join(
        [log(airflow, run_id, task) for task in ("prepare", "new_offsets", "aggregate", "check_quality")]
        + [json.dumps(airflow.task_instances(DAG, run_id))]
        + [line for line in command_lines if "spark" in line.lower()]
    )
    assert "jobs/aggregate.py" in shown
    for password in (stack.secrets.postgres_writer, stack.secrets.postgres_owner):
        assert password not in shown


def test_books_that_do_not_close_fail_the_run_and_the_log_names_the_rule(
    airflow: AirflowApi, traffic: Pipeline
) -> None:
    newest = "run_id = (SELECT max(run_id) FROM etl.run)"
    with traffic.owner() as connection:
        connection.execute(f"UPDATE etl.run SET late = late - 1 WHERE {newest}")
    try:
        run_id, states = run_by_hand(airflow)
    finally:
        with traffic.owner() as connection:
            connection.execute(f"UPDATE etl.run SET late = late + 1 WHERE {newest}")
    assert states["check_quality"] == "failed"
    assert "books_close: 1 offenders" in log(airflow, run_id, "check_quality")


def test_an_error_that_a_person_has_to_put_right_is_not_retried(airflow: AirflowApi, traffic: Pipeline) -> None:
    aside = traffic.checkpoint.with_name("aside")
    traffic.checkpoint.rename(aside)
    try:
        run_id, states = run_by_hand(airflow)
        [aggregate] = [task for task in airflow.task_instances(DAG, run_id) if task["task_id"] == "aggregate"]
        assert (states["aggregate"], aggregate["try_number"]) == ("failed", 1)
        assert "run once with rebuild_checkpoint" in log(airflow, run_id, "aggregate")
        _, states = run_by_hand(airflow, rebuild_checkpoint=True)
    finally:
        if not traffic.checkpoint.exists():
            aside.rename(traffic.checkpoint)
    assert set(states.values()) == {"success"}
    assert traffic.recount().is_right


def test_a_task_that_is_marked_as_failed_leaves_no_process_of_its_run(
    stack: Stack, airflow: AirflowApi, traffic: Pipeline
) -> None:
    traffic.produce(json.dumps({"host": "a.example", "event_time": datetime.now(UTC).isoformat()}).encode())
    run_id = airflow.trigger(DAG)

    def family() -> list[psutil.Process]:
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if "aggregate.py" in " ".join(process.info["cmdline"] or []) and is_ours(process)
        ]

    def is_ours(process: psutil.Process) -> bool:
        try:
            return process.environ().get("CHECKPOINT_LOCATION") == str(stack.checkpoint)
        except psutil.Error:
            return False

    wait_until(lambda: len(family()) >= 2, "a JVM and its Python", LIMIT_SECONDS)
    airflow.patch(f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/aggregate", new_state="failed")
    wait_until(lambda: not family(), "nothing of the run is left", 30)
    _, states = run_by_hand(airflow)
    assert "failed" not in states.values()
    assert traffic.recount().is_right
