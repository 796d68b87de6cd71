"""The whole stack: Airflow runs the DAG by its schedule and by hand."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psutil
import pytest

from local_stack import Stack
from local_stack.leftovers import find_processes
from local_stack.rest import FINISHED, AirflowApi, airflow_api
from tests.faults.stopped import wait_until
from tests.pipeline import Pipeline
from tests.whole_stack import DAG, LIMIT_SECONDS, FirstRun, active_runs

TASKS = ("prepare", "choose", "redrive", "new_offsets", "aggregate", "restate", "check_quality", "publish")
ALL_WENT_WELL = dict.fromkeys(TASKS, "success") | {"redrive": "skipped", "restate": "skipped"}
WINDOW = timedelta(minutes=5)
INTERVAL = timedelta(minutes=5)
QUIET = timedelta(seconds=40)
"""More than a test needs, so that no scheduled run takes the events that the test's own run is to count."""


@pytest.fixture
def airflow(stack: Stack, first_run: FirstRun) -> Iterator[AirflowApi]:
    """Log in to Airflow between two scheduled runs; a paused DAG would not start a run by hand either."""
    with airflow_api(stack) as api:
        wait_until(lambda: is_quiet(api), "a while between two scheduled runs", LIMIT_SECONDS)
        yield api


def is_quiet(airflow: AirflowApi) -> bool:
    """Whether the last scheduled run is through, and the next one far away."""
    now = datetime.now(UTC)
    due = now - (now - datetime.min.replace(tzinfo=UTC)) % INTERVAL
    if due + INTERVAL - now < QUIET:
        return False
    [newest] = airflow.runs(DAG, limit=1)
    return not active_runs(airflow) and datetime.fromisoformat(newest["run_after"]) == due


def states(airflow: AirflowApi, run_id: str) -> dict[str, str]:
    """Return the states of the tasks without those that announce: whether these have news is up to the clock."""
    found = {task["task_id"]: task["state"] for task in airflow.task_instances(DAG, run_id)}
    return {task: state for task, state in found.items() if not task.startswith("announce_")}


def log(airflow: AirflowApi, run_id: str, task: str, attempt: int = 1) -> str:
    return json.dumps(airflow.get(f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/{task}/logs/{attempt}"))


def what_airflow_shows(airflow: AirflowApi, run_id: str) -> dict[str, str]:
    """Return what a person can open in the UI: rendered fields, log and XComs of each task."""
    shown = {}
    for task in airflow.task_instances(DAG, run_id):
        if task["state"] == "skipped":
            continue
        name = task["task_id"]
        xcoms = f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/{name}/xcomEntries"
        keys = [entry["key"] for entry in airflow.get(xcoms)["xcom_entries"]]
        shown[f"fields of {name}"] = json.dumps(task["rendered_fields"])
        shown[f"log of {name}"] = log(airflow, run_id, name)
        shown[f"XComs of {name}"] = json.dumps({key: airflow.get(f"{xcoms}/{key}")["value"] for key in keys})
    return shown


def produce_now(traffic: Pipeline) -> None:
    """Send an event, so that Spark has something to do."""
    traffic.produce(json.dumps({"host": "a.example", "event_time": datetime.now(UTC).isoformat()}).encode())


def run_by_hand(airflow: AirflowApi, **conf: Any) -> tuple[str, dict[str, str]]:
    run_id = airflow.trigger(DAG, conf=conf)
    airflow.wait_for_run(DAG, run_id, LIMIT_SECONDS)
    return run_id, states(airflow, run_id)


def test_a_scheduled_run_counts_two_hours_of_traffic_to_the_row(
    airflow: AirflowApi, traffic: Pipeline, first_run: FirstRun
) -> None:
    run_id = first_run.run_id
    assert states(airflow, run_id) == ALL_WENT_WELL
    summary = airflow.get(f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/aggregate/xcomEntries/return_value")["value"]
    [asset_event] = airflow.get("/assets/events", source_run_id=run_id, source_task_id="publish")["asset_events"]
    assert (summary["name"], summary["read"], summary["late"]) == (f"{DAG}/{run_id}", 20_000, 0)
    assert asset_event["extra"] == summary
    sealed_until = datetime.fromisoformat(summary["sealed_until"])
    expected = {
        (window.window_start, window.host, window.referrer): window.num_hits
        for window in first_run.truth.windows()
        if window.window_start + WINDOW <= sealed_until
    }
    assert {key: hits for key, hits in traffic.windows().items() if key in expected} == expected
    assert traffic.recount().is_right


def test_a_run_without_new_offsets_starts_no_jvm(airflow: AirflowApi, traffic: Pipeline) -> None:
    before = traffic.query("SELECT count(*) FROM etl.run")
    run_id, states = run_by_hand(airflow)
    assert states == ALL_WENT_WELL | {"aggregate": "skipped", "publish": "skipped"}
    assert traffic.query("SELECT count(*) FROM etl.run") == before
    assert "nothing new: Spark is skipped" in log(airflow, run_id, "new_offsets")


def test_a_run_by_hand_sends_rejected_events_back_and_counts_them(airflow: AirflowApi, traffic: Pipeline) -> None:
    began_at = datetime.now(UTC)
    value = json.dumps({"host": "ahead.example", "event_time": began_at.isoformat()}).encode()
    traffic.produce(value, at=began_at - timedelta(minutes=10))
    run_id, _ = run_by_hand(airflow)
    assert traffic.query(f"SELECT future FROM etl.run WHERE name = '{DAG}/{run_id}'") == [(1,)]
    run_id, states = run_by_hand(
        airflow, redrive_reasons=["from the future"], redrive_since=began_at.isoformat(timespec="seconds")
    )
    assert states == ALL_WENT_WELL | {"redrive": "success"}
    assert "from the future: 1 selected, 1 went back" in log(airflow, run_id, "redrive")
    assert traffic.query(f"SELECT read, rejected, future FROM etl.run WHERE name = '{DAG}/{run_id}'") == [(1, 0, 0)]


def test_a_run_by_hand_counts_new_events_and_shows_no_password(
    stack: Stack, airflow: AirflowApi, traffic: Pipeline
) -> None:
    produce_now(traffic)
    run_id = airflow.trigger(DAG)
    command_lines: set[str] = set()

    def has_ended() -> bool:
        command_lines.update(command_line(process) for process in psutil.process_iter())
        return airflow.get(f"/dags/{DAG}/dagRuns/{run_id}")["state"] in FINISHED

    wait_until(has_ended, "the end of the run", LIMIT_SECONDS)
    assert states(airflow, run_id) == ALL_WENT_WELL
    assert traffic.query("SELECT name, read FROM etl.run ORDER BY run_id DESC LIMIT 1") == [(f"{DAG}/{run_id}", 1)]
    shown = what_airflow_shows(airflow, run_id) | {"command lines": "\n".join(command_lines)}
    for place in ("fields of aggregate", "log of aggregate", "command lines"):
        assert "jobs/aggregate.py" in shown[place]
    assert '"read": 1,' in shown["XComs of aggregate"]
    for password in (stack.secrets.postgres_writer, stack.secrets.postgres_owner):
        assert [place for place, text in shown.items() if password in text] == []


@pytest.mark.parametrize("path", ["/api/v2/dags", f"/api/v2/dags/{DAG}/dagRuns", "/ui/dags", "/ui/auth/menus"])
def test_who_has_not_logged_in_is_refused(stack: Stack, traffic: Pipeline, path: str) -> None:
    assert httpx.get(f"{stack.airflow_url}{path}").status_code == 401


def test_the_login_page_is_open_to_all(stack: Stack, traffic: Pipeline) -> None:
    page = httpx.get(f"{stack.airflow_url}/auth/login", follow_redirects=True).raise_for_status()
    [script] = re.findall(r'src="\./(auth/static/[^"]+\.js)"', page.text)
    assert "javascript" in httpx.get(f"{stack.airflow_url}/{script}").raise_for_status().headers["content-type"]


def test_books_that_do_not_close_fail_the_run_and_the_log_names_the_rule_and_the_run(
    airflow: AirflowApi, traffic: Pipeline
) -> None:
    newest = "run_id = (SELECT max(run_id) FROM etl.run WHERE kind = 'live')"
    [(offender,)] = traffic.query(f"SELECT name FROM etl.run WHERE {newest}")
    with traffic.owner() as connection:
        connection.execute(f"UPDATE etl.run SET late = late - 1 WHERE {newest}")
    try:
        run_id, states = run_by_hand(airflow)
    finally:
        with traffic.owner() as connection:
            connection.execute(f"UPDATE etl.run SET late = late + 1 WHERE {newest}")
    assert (states["check_quality"], states["publish"]) == ("failed", "upstream_failed")
    said = log(airflow, run_id, "check_quality")
    assert "books_close: 1 of 1 offend" in said
    assert f"'name': '{offender}'" in said


def test_an_error_that_a_person_has_to_put_right_is_not_retried(airflow: AirflowApi, traffic: Pipeline) -> None:
    produce_now(traffic)
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
    assert states == ALL_WENT_WELL
    assert traffic.recount().is_right


def test_a_task_that_is_marked_as_failed_leaves_no_process_of_its_run_even_if_it_hangs(
    stack: Stack, airflow: AirflowApi, traffic: Pipeline
) -> None:
    traffic.produce(json.dumps({"host": "a.example", "event_time": datetime.now(UTC).isoformat()}).encode())
    run_id = airflow.trigger(DAG)
    wait_until(lambda: len(processes_of_run(stack)) >= 2, "a JVM and its Python", LIMIT_SECONDS)
    for process in processes_of_run(stack):
        process.suspend()
    try:
        airflow.patch(f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/aggregate", new_state="failed")
        wait_until(lambda: not processes_of_run(stack), "nothing of the run is left", 30)
    finally:
        for process in processes_of_run(stack):
            process.kill()
    _, states = run_by_hand(airflow)
    assert states == ALL_WENT_WELL
    assert traffic.recount().is_right


def processes_of_run(stack: Stack) -> list[psutil.Process]:
    """Return what spark-submit has started for this stack."""
    return [process for process in find_processes(stack) if "jobs/aggregate.py" in command_line(process)]


def command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""  # it has ended
