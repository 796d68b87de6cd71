"""The whole stack with Airflow, and the run that the schedule makes first; shared by all tests that need them.

Its checkpoint is on a file system that only Spark knows, so none of Airflow's processes can open it.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local_stack import Stack, airflow, up
from local_stack.environment import REPO
from local_stack.rest import AirflowApi, airflow_api
from local_stack.spark import submit_environment
from simulator import Truth
from tests.faults.stopped import wait_until
from tests.pipeline import Pipeline
from web_traffic.kafka import ensure_topic

DAG = "web_traffic"
LIMIT_SECONDS = 180
FIRST_TRAFFIC = timedelta(hours=2)
DAGS = {
    "dags-folder": REPO / "dags",
    "trouble": REPO / "tests" / "integration" / "alerts" / "dags",
    "examples": REPO / "docs" / "examples",
}
"""The project's DAGs, some that fail on demand, and the examples of DAGs that follow them."""
BUNDLES = [
    {
        "name": name,
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(folder)},
    }
    for name, folder in DAGS.items()
]
METRICS_TOKEN = "a-token-for-prometheus"
SETTINGS = {
    "METRICS_TOKEN": METRICS_TOKEN,
    "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(BUNDLES),
    # A component that has died is known to be dead after seconds: the tests wait for it.
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
    # A person who may see the page, but not edit a DAG; Airflow makes the password.
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,viewer:viewer",
    # No DAG file changes, and reading them again takes a second of a core each time.
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
}


ONLY_SPARK_KNOWS = "viewfs://only-spark-knows"
HADOOP = """\
<configuration>
<property><name>fs.viewfs.mounttable.only-spark-knows.link./home</name><value>{home}</value></property>
</configuration>
"""
"""Hadoop's own file system of links, with the stack's folder behind one of them."""


@dataclass
class FirstRun:
    """The run that the schedule made, and the truth about the traffic that it found."""

    run_id: str
    truth: Truth
    end: datetime
    """End of the traffic."""


@contextmanager
def settings_for_tests(home: Path) -> Iterator[None]:
    """Give the Airflow of the stack in that folder the tests' own settings."""
    own = airflow.environment

    def environment(stack: Stack) -> dict[str, str]:
        if stack.home != home.absolute():
            return own(stack)
        checkpoint = f"{ONLY_SPARK_KNOWS}/home/{stack.checkpoint.relative_to(stack.home)}"
        return own(stack) | SETTINGS | {"CHECKPOINT_LOCATION": checkpoint, "HADOOP_CONF_DIR": str(hadoop)}

    hadoop = home.absolute() / "hadoop"
    hadoop.mkdir(parents=True)
    (hadoop / "core-site.xml").write_text(HADOOP.format(home=home.absolute().as_uri()))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(airflow, "environment", environment)
        yield


def start_airflow(stack: Stack) -> Pipeline:
    """Start Airflow, and return the pipeline that its DAG feeds."""
    up(stack, "mail", "airflow")
    pipeline = Pipeline(submit_environment(stack), stack.secrets.postgres_owner)
    ensure_topic(pipeline.settings)
    return pipeline


def make_first_run(stack: Stack, traffic: Pipeline) -> FirstRun:
    """Send two hours of traffic that end now, and let the schedule run the DAG for the first time."""
    end = datetime.now(UTC)
    truth = traffic.produce_traffic(20_000, seed=11, start=end - FIRST_TRAFFIC, end=end)
    with airflow_api(stack) as api:
        api.unpause(DAG)
        wait_until(lambda: bool(api.runs(DAG)), "a scheduled run", LIMIT_SECONDS)
        run_id = api.runs(DAG)[-1]["dag_run_id"]
        api.wait_for_run(DAG, run_id, LIMIT_SECONDS)
    return FirstRun(run_id, truth, end)


@contextmanager
def paused(api: AirflowApi) -> Iterator[None]:
    """Pause the DAG while no run of it works; one that is queued does not begin meanwhile."""
    was_paused = api.get(f"/dags/{DAG}")["is_paused"]
    pause(api)
    try:
        yield
    finally:
        api.patch(f"/dags/{DAG}", is_paused=was_paused)


def pause(api: AirflowApi) -> None:
    """Pause the DAG between two of its runs: Airflow would leave the tasks of a run that works where they are."""
    api.patch(f"/dags/{DAG}", is_paused=True)
    while active_runs(api, "running"):
        api.patch(f"/dags/{DAG}", is_paused=False)
        wait_until(lambda: not active_runs(api, "running"), "no run of the DAG works", LIMIT_SECONDS)
        api.patch(f"/dags/{DAG}", is_paused=True)


def active_runs(api: AirflowApi, *states: str) -> int:
    """Return how many runs of the DAG wait or work, or are in one of these states."""
    wanted = list(states or ("queued", "running"))
    return int(api.get(f"/dags/{DAG}/dagRuns", state=wanted)["total_entries"])
