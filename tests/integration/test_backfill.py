"""Airflow's own backfills on the whole stack, with live runs going on."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local_stack import Stack
from local_stack.airflow import environment
from local_stack.rest import AirflowApi, airflow_api
from tests.faults.stopped import wait_until
from tests.pipeline import Pipeline
from tests.restating import digest_of_checkpoint
from tests.whole_stack import FirstRun

DAG = "web_traffic"
DAILY = "web_traffic_restatement"
LIMIT_SECONDS = 900
INTERVAL = timedelta(minutes=5)
LATE = (0, 3, 5, 7, 9, 10, 13)
"""Intervals for which an event comes late; each test restates intervals of its own."""
RESTATED = {
    "prepare": "success",
    "choose": "success",
    "redrive": "skipped",
    "new_offsets": "skipped",
    "aggregate": "skipped",
    "restate": "success",
    "check_quality": "success",
    "publish": "success",
}


@dataclass
class Site:
    """The stack's own pipeline, with traffic counted, and late events that the live run has dropped."""

    airflow: AirflowApi
    pipeline: Pipeline
    stack: Stack
    start: datetime
    """A boundary of windows; all that is backfilled lies behind it, and is sealed."""

    def interval(self, number: int) -> datetime:
        """Return the start of an interval."""
        return self.start + number * INTERVAL

    def send_late_events(self, *numbers: int) -> None:
        """Have an event come late for each of these intervals, and let a live run drop them."""
        late = [
            {"host": f"late-{number}.example", "event_time": self.interval(number).isoformat()} for number in numbers
        ]
        self.pipeline.produce(*(json.dumps(event).encode() for event in late))
        self.airflow.wait_for_run(DAG, self.airflow.trigger(DAG), LIMIT_SECONDS)

    def backfill(self, first: int, last: int, reprocess: str = "completed", **fields: Any) -> list[dict[str, Any]]:
        """Backfill intervals through the endpoint that the UI uses, and return their runs when all have ended."""
        request = {
            "dag_id": DAG,
            "from_date": self.interval(first).isoformat(),
            "to_date": self.interval(last).isoformat(),
            "reprocess_behavior": reprocess,
            "max_active_runs": 4,
            **fields,
        }
        self.airflow.post("/backfills", **request)
        return self.wait(first, last)

    def wait(self, first: int, last: int) -> list[dict[str, Any]]:
        """Wait until the newest backfill has no more run to make, and return the runs of these intervals.

        Airflow looks only every 30 seconds whether a backfill is complete; one with nothing left to do can be ended.
        """

        def is_through() -> bool:
            waiting = self.airflow.get(f"/dags/{DAG}/dagRuns", run_type="backfill", state=["queued", "running"])
            return not waiting["total_entries"]

        wait_until(is_through, "the end of the backfill", LIMIT_SECONDS)
        for backfill in self.airflow.get("/backfills", dag_id=DAG)["backfills"]:
            if not backfill["completed_at"]:
                self.airflow.put(f"/backfills/{backfill['id']}/cancel")
        found = self.airflow.get(f"/dags/{DAG}/dagRuns", run_type="backfill", limit=100)["dag_runs"]
        times = [self.interval(number).isoformat() for number in range(first, last + 1)]
        return [run for run in found if datetime.fromisoformat(run["logical_date"]).isoformat() in times]

    def states(self, run_id: str) -> dict[str, str]:
        """Return the states of the tasks without those that announce, which may or may not have news."""
        found = {task["task_id"]: task["state"] for task in self.airflow.task_instances(DAG, run_id)}
        return {task: state for task, state in found.items() if not task.startswith("announce_")}

    def restatements(self) -> list[tuple[Any, ...]]:
        return self.pipeline.query(
            "SELECT run_id, windows_changed FROM etl.run WHERE kind = 'restate' AND status = 'succeeded' ORDER BY 1"
        )


@pytest.fixture(scope="module")
def counted(stack: Stack, traffic: Pipeline, first_run: FirstRun) -> Iterator[Site]:
    start = first_run.end - timedelta(hours=2) + INTERVAL
    start -= (start - datetime.min.replace(tzinfo=UTC)) % INTERVAL
    with airflow_api(stack) as airflow:
        site = Site(airflow, traffic, stack, start)
        site.send_late_events(*LATE)
        yield site


@pytest.fixture
def site(counted: Site) -> Iterator[Site]:
    """Return the site; after each test the table must equal a recount."""
    yield counted
    recount = counted.pipeline.recount()
    assert recount.is_right, recount


def test_a_backfill_restates_all_its_intervals_in_one_spark_run_and_a_repeated_one_changes_nothing(site: Site) -> None:
    before, checkpoint = len(site.restatements()), digest_of_checkpoint(site.pipeline)
    runs = site.backfill(0, 3, "none")
    assert [run["state"] for run in runs] == ["success"] * 4
    assert all(site.states(run["dag_run_id"]) == RESTATED for run in runs)
    [(_, changed)] = site.restatements()[before:]
    assert changed == 2
    assert site.pipeline.query("SELECT count(*) FROM etl.shared_restatement") == [(0,)]
    after = digest_of_checkpoint(site.pipeline)  # live runs have gone on, and removed the oldest files
    assert {file: digest for file, digest in checkpoint.items() if after.get(file, digest) != digest} == {}

    site.backfill(0, 3, "none")  # they are there already
    assert len(site.restatements()) == before + 1
    site.backfill(0, 3, "completed", run_backwards=True)
    assert [changed for _, changed in site.restatements()[before + 1 :]] == [0]


def test_backwards_one_at_a_time(site: Site) -> None:
    runs = site.backfill(6, 7, "completed", run_backwards=True, max_active_runs=1)
    assert [run["state"] for run in runs] == ["success"] * 2
    assert sum(changed for _, changed in site.restatements()[-1:]) == 1


def test_a_failed_run_is_repeated_by_reprocessing_what_failed(site: Site) -> None:
    with site.pipeline.owner() as connection:
        connection.execute("REVOKE INSERT ON etl.restatement FROM web_traffic_writer")
        connection.execute('UPDATE etl.checkpoint SET fingerprint = fingerprint || \'{"keys": "others"}\'')
    try:
        [failed] = site.backfill(9, 9, "completed")
        assert site.states(failed["dag_run_id"])["restate"] == "failed"
    finally:
        with site.pipeline.owner() as connection:
            connection.execute("GRANT INSERT ON etl.restatement TO web_traffic_writer")
            connection.execute(
                'UPDATE etl.checkpoint SET fingerprint = fingerprint || \'{"keys": "window, host, referrer"}\''
            )
    [run] = site.backfill(9, 9, "failed")
    assert run["state"] == "success"
    assert site.restatements()[-1][1] == 1


def test_the_command_line(site: Site) -> None:
    command = [str(Path(sys.prefix, "bin", "airflow")), "backfill", "create", "--dag-id", DAG]
    command += ["--from-date", site.interval(4).isoformat(), "--to-date", site.interval(5).isoformat()]
    command += ["--reprocess-behavior", "completed", "--max-active-runs", "4"]
    done = subprocess.run(
        command,
        env=os.environ | site.stack.process_environment() | environment(site.stack),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    runs = site.wait(4, 5)
    assert [run["state"] for run in runs] == ["success"] * 2
    assert site.restatements()[-1][1] == 1


def test_a_run_by_hand_restates_its_interval_and_a_dry_one_only_says_what_would_change(site: Site) -> None:
    conf = {"restate_from": site.interval(10).isoformat(), "restate_to": site.interval(12).isoformat()}
    for dry_run, changed in ((True, 1), (False, 1), (False, 0)):
        run_id = site.airflow.trigger(DAG, conf=conf | {"dry_run": dry_run})
        site.airflow.wait_for_run(DAG, run_id, LIMIT_SECONDS)
        after = dict.fromkeys(("check_quality", "publish"), "skipped") if dry_run else {}
        assert site.states(run_id) == RESTATED | after
        summary = site.airflow.get(f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/restate/xcomEntries/return_value")
        assert (summary["value"]["dry_run"], summary["value"]["windows_changed"]) == (dry_run, changed)
        of_run = {"source_run_id": run_id, "source_task_id": "publish"}
        events = [event["extra"] for event in site.airflow.get("/assets/events", **of_run)["asset_events"]]
        assert events == ([] if dry_run else [summary["value"]])


def test_the_daily_dag_restates_an_interval_of_the_form_without_waiting(site: Site) -> None:
    site.airflow.unpause(DAILY)
    conf = {"restate_from": site.interval(13).isoformat(), "restate_to": site.interval(15).isoformat()}
    run_id = site.airflow.trigger(DAILY, conf=conf)
    assert site.airflow.wait_for_run(DAILY, run_id, LIMIT_SECONDS)["state"] == "success"
    [scheduled] = site.airflow.runs(DAILY)
    tasks = {task["task_id"]: task["state"] for task in site.airflow.task_instances(DAILY, scheduled["dag_run_id"])}
    assert tasks["await_late_events"] in (None, "scheduled", "queued", "running", "up_for_reschedule")


def test_an_interval_that_is_not_closed_fails_at_once_and_says_until_when(site: Site) -> None:
    now = datetime.now(UTC) + timedelta(hours=1)
    now -= (now - datetime.min.replace(tzinfo=UTC)) % INTERVAL
    conf = {"restate_from": now.isoformat(), "restate_to": (now + INTERVAL).isoformat()}
    run_id = site.airflow.trigger(DAG, conf=conf)
    site.airflow.wait_for_run(DAG, run_id, LIMIT_SECONDS)
    [restate] = [task for task in site.airflow.task_instances(DAG, run_id) if task["task_id"] == "restate"]
    assert (restate["state"], restate["try_number"]) == ("failed", 1)
    log = json.dumps(site.airflow.get(f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/restate/logs/1"))
    assert "NotSealed: " in log
