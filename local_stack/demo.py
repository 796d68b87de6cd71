"""The demo: an hour of traffic, a scheduled run that counts it, and the proof that the numbers are right."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from local_stack.environment import REPO, Stack
from local_stack.errors import StackError
from local_stack.lifecycle import up
from local_stack.progress import step
from local_stack.rest import AirflowApi, airflow_api
from simulator import Truth
from web_traffic.kafka import end_offsets, ensure_topic
from web_traffic.recount import recount
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect
from web_traffic.warehouse.ledger import Summary, run_summary
from web_traffic.window_length import WINDOW

DAG = "web_traffic"
DAILY_DAGS = ("web_traffic_restatement", "web_traffic_retention")
EVENTS = 200_000
SCHEDULE = timedelta(minutes=5)
RUN_LIMIT_SECONDS = 180
BUSIEST_WINDOWS = """
    SELECT to_char(window_start, 'YYYY-MM-DD HH24:MI'), host, coalesce(referrer, '(none)'), num_hits
    FROM aggregated_web_traffic ORDER BY num_hits DESC, window_start, host LIMIT 10
"""
CLOSED_WINDOWS = "SELECT window_start, host, referrer, num_hits FROM aggregated_web_traffic"

console = Console(highlight=False, soft_wrap=True)


def run(stack: Stack) -> None:
    """Start what does not run, send the hour of traffic once, wait for a scheduled run, and show what it did.

    Raises `StackError` if the run fails or a number is wrong.
    """
    settings = Settings.from_environment(stack.job_environment())
    up(stack, "postgres", "kafka", "mail")
    ensure_topic(settings)
    is_first_time = not any(end_offsets(settings).values())
    if not is_first_time:
        up(stack, "traffic")
    up(stack, "airflow", "watchdog")
    if is_first_time:
        _send_an_hour(stack)
    with airflow_api(stack) as airflow:
        airflow.unpause(DAG)
        for dag_id in DAILY_DAGS:
            airflow.unpause(dag_id)
        finished = _wait_for_scheduled_run(airflow)
        tasks = airflow.task_instances(DAG, finished["dag_run_id"])
    with connect(settings) as connection:
        _show_tasks(finished, tasks)
        _show_books(run_summary(connection, f"{DAG}/{finished['dag_run_id']}"))
        _show(
            "The ten busiest windows",
            ("window (UTC)", "host", "referrer", "hits"),
            connection.execute(BUSIEST_WINDOWS),
        )
        if is_first_time:
            _compare_with_truth(connection, Truth.read(stack.home / "truth.ndjson"))
    outcome = recount(settings)
    console.print(f"\n{outcome}")
    if not outcome.is_right:
        raise StackError("The recount differs from the table: `web-traffic recount` shows it again.")
    up(stack, "traffic")
    console.print(f"\nAirflow's UI: {stack.airflow_url}   login: admin   password: {stack.secrets.airflow_admin}")
    console.print("Live traffic goes on; a run every five minutes counts it. `make down` stops everything.")
    console.print(f"Mails are files in {stack.home / 'mail'}.")


def _send_an_hour(stack: Stack) -> None:
    command = [sys.executable, "-m", "simulator", "produce", "--events", str(EVENTS)]
    command += ["--truth", str(stack.home / "truth.ndjson")]
    with step("An hour of traffic is in Kafka", f"sending {EVENTS:,} events"):
        environment = os.environ | stack.job_environment()
        subprocess.run(command, check=True, cwd=REPO, env=environment, timeout=RUN_LIMIT_SECONDS)


def _wait_for_scheduled_run(airflow: AirflowApi) -> dict[str, Any]:
    """Wait for the end of the newest scheduled run, which is at most one interval old."""
    with step("The scheduled run has ended", "waiting for the scheduled run"):
        end = time.monotonic() + SCHEDULE.total_seconds() + RUN_LIMIT_SECONDS
        while not (newest := airflow.runs(DAG, limit=1)) or _age(newest[0]) > SCHEDULE + timedelta(seconds=30):
            if time.monotonic() > end:
                raise StackError("The scheduler did not start a run: see var/log/airflow-scheduler.log.")
            time.sleep(1)
        finished = airflow.wait_for_run(DAG, newest[0]["dag_run_id"], RUN_LIMIT_SECONDS)
    if finished["state"] != "success":
        failed = [
            task["task_id"]
            for task in airflow.task_instances(DAG, finished["dag_run_id"])
            if task["state"] == "failed"
        ]
        raise StackError(f"{finished['dag_run_id']} failed in {', '.join(failed)}: its log in the UI says why.")
    return finished


def _age(dag_run: dict[str, Any]) -> timedelta:
    return datetime.now(UTC) - datetime.fromisoformat(dag_run["run_after"])


def _show_tasks(dag_run: dict[str, Any], tasks: list[dict[str, Any]]) -> None:
    rows = ((task["task_id"], task["state"], f"{task['duration'] or 0:.1f}") for task in tasks)
    _show(f"{DAG}, {dag_run['dag_run_id']}: {dag_run['state']}", ("task", "state", "seconds"), rows)


def _show_books(books: Summary | None) -> None:
    if books is None:
        console.print("\nNothing was new in this interval, so Spark was not started.")
        return
    came, went = ("open_before", "read"), ("rejected", "future", "late", "superseded", "emitted", "open_after")
    rows = [(f"+ {name.replace('_', ' ')}", f"{books[name]:,}") for name in came]
    rows += [(f"- {name.replace('_', ' ')}", f"{books[name]:,}") for name in went]
    _show("The books of the run, in events", ("", "events"), rows)


def _show(title: str, columns: Sequence[str], rows: Iterable[Any]) -> None:
    table = Table()
    for column in columns:
        table.add_column(
            column, justify="right" if column in ("hits", "events", "seconds") else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*map(str, row))
    console.print(f"\n[bold]{title}")
    console.print(table)


def _compare_with_truth(connection: psycopg.Connection[Any], truth: Truth) -> None:
    """Compare every closed window in the table with the ground truth that the generator wrote."""
    sealed_until: datetime
    [(sealed_until,)] = connection.execute("SELECT sealed_until FROM etl.pipeline").fetchall()
    true_hits = {
        (window.window_start, window.host, window.referrer): window.num_hits
        for window in truth.windows()
        if window.window_start + WINDOW <= sealed_until
    }
    counted = {(start, host, referrer): hits for start, host, referrer, hits in connection.execute(CLOSED_WINDOWS)}
    if true_hits != counted:
        wrong = len(dict(true_hits.items() ^ counted.items()))
        raise StackError(f"{wrong:,} of {len(true_hits):,} closed windows differ from the ground truth.")
    console.print(f"\nGround truth: {len(true_hits):,} closed windows, {sum(counted.values()):,} hits, 0 differ.")
