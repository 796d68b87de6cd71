"""Measure a backfill of one day, 288 runs, on a whole stack of its own: Airflow, Spark, Kafka and PostgreSQL.

`python bench/backfill.py --intervals 288 --max-active-runs 4` sends a day of traffic, lets the live run count it, and
then has Airflow backfill the DAG `web_traffic`. Live runs go on meanwhile. It prints the seconds from the request to
the end of the last run, and the number of Spark runs that this took.
"""

import argparse
import shutil
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from local_stack import Stack, running
from local_stack.environment import VAR
from local_stack.lifecycle import down
from local_stack.rest import AirflowApi, airflow_api
from local_stack.spark import submit_environment
from simulator import Traffic
from simulator.sending import Sender
from web_traffic.kafka import ensure_topic
from web_traffic.recount import recount
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect

DAG = "web_traffic"
INTERVAL = timedelta(minutes=5)
LIMIT_SECONDS = 7_200


def measure(intervals: int, max_active_runs: int, events: int, backwards: bool, repeated: bool) -> None:
    """Run one backfill, and perhaps another one over what is done already, and print what they took."""
    home = VAR / "bench-backfill"
    if (home / ".env").exists():
        down(Stack.load(home / ".env", home))
    shutil.rmtree(home, ignore_errors=True)
    stack = Stack.create(home)
    settings = Settings.from_environment(submit_environment(stack))
    with running(stack), airflow_api(stack) as airflow:
        ensure_topic(settings)
        end = datetime.now(UTC)
        produce(settings, end - intervals * INTERVAL - timedelta(minutes=30), end, events)
        airflow.unpause(DAG)
        run_id = airflow.trigger(DAG)
        airflow.wait_for_run(DAG, run_id, 600)
        to = end - timedelta(minutes=20)
        to -= (to - datetime.min.replace(tzinfo=UTC)) % INTERVAL
        for reprocess in ("none", "completed") if repeated else ("none",):
            seconds = backfill(airflow, to - intervals * INTERVAL, to, max_active_runs, backwards, reprocess)
            spark_runs = query(settings, "SELECT count(*) FROM etl.run WHERE kind = 'restate'")
            print(
                f"reprocess {reprocess}: {intervals} intervals, {max_active_runs} at a time: {seconds:.0f} s, "
                f"{spark_runs} Spark runs so far",
                flush=True,
            )
            for name in ("prepare", "choose", "restate", "check_quality", "publish"):
                print(f"  {name}: {mean_seconds(airflow, name):.2f} s on average")
        print(recount(settings))


def produce(settings: Settings, start: datetime, end: datetime, events: int) -> None:
    """Send traffic."""
    sender = Sender(settings, give_up_after=timedelta(minutes=1))
    for event in Traffic(seed=5).events(start, end, events):
        sender.send(event)
    sender.flush(60)


def backfill(
    airflow: AirflowApi, start: datetime, end: datetime, max_active_runs: int, backwards: bool, reprocess: str
) -> float:
    """Backfill the intervals between two times, and return the seconds that it took."""
    began = time.monotonic()
    request: dict[str, Any] = {
        "dag_id": DAG,
        "from_date": start.isoformat(),
        "to_date": (end - INTERVAL).isoformat(),
        "max_active_runs": max_active_runs,
        "run_backwards": backwards,
        "reprocess_behavior": reprocess,
    }
    backfill_id = airflow.post("/backfills", **request)["id"]
    while airflow.get(f"/backfills/{backfill_id}")["completed_at"] is None:
        if time.monotonic() > began + LIMIT_SECONDS:
            raise TimeoutError(f"backfill {backfill_id} still runs")
        time.sleep(1)  # the API has nothing to wait on
    failed = airflow.get(f"/dags/{DAG}/dagRuns", run_type="backfill", state="failed")["total_entries"]
    if failed:
        print(f"{failed} runs have failed")
    return time.monotonic() - began


def query(settings: Settings, statement: str) -> Any:
    """Return the one value that a statement yields."""
    with connect(settings) as connection:
        return connection.execute(statement.encode()).fetchall()[0][0]


def mean_seconds(airflow: AirflowApi, task: str) -> float:
    """Return how long a task has taken, on the average of the newest hundred runs."""
    path = f"/dags/{DAG}/dagRuns/~/taskInstances"
    found = airflow.get(path, task_id=task, order_by="-start_date", limit=100)["task_instances"]
    seconds = [each["duration"] for each in found if each["task_id"] == task and each["duration"]]
    return sum(seconds) / max(len(seconds), 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--intervals", type=int, default=288)
    parser.add_argument("--max-active-runs", type=int, default=4)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--backwards", action="store_true")
    parser.add_argument("--repeated", action="store_true")
    arguments = parser.parse_args()
    measure(arguments.intervals, arguments.max_active_runs, arguments.events, arguments.backwards, arguments.repeated)
