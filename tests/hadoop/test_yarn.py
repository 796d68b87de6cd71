"""The application on YARN with HDFS, whose machines have Python and neither this package nor its libraries."""

import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pyspark
import pytest

from local_stack import Stack, airflow, running
from local_stack.environment import PROPERTIES_FILE
from local_stack.rest import AirflowApi, airflow_api
from local_stack.spark import submit_command
from tests.faults.stopped import wait_until
from tests.hadoop.yarn import Yarn, yarn_cluster
from tests.homes import fresh_home
from tests.pipeline import Pipeline
from tests.whole_stack import DAG, pause, settings_for_tests, start_airflow
from web_traffic.commands import main

RUN_SECONDS = 600
DEFAULTS = {
    "spark.yarn.jars": f"local:{Path(pyspark.__file__).parent}/jars/*",
    "spark.executor.instances": "2",
    "spark.executor.memory": "600m",
    "spark.driver.memory": "700m",
    "spark.yarn.appMasterEnv.SPARK_LOCAL_IP": "127.0.0.1",
    "spark.executorEnv.SPARK_LOCAL_IP": "127.0.0.1",
    "spark.eventLog.enabled": "true",
}
STOP = {"spark.yarn.appMasterEnv.FAULT_POINT": "batch committed#1"}


@dataclass(frozen=True)
class Deployment:
    """The stack, whose Spark is the YARN cluster."""

    stack: Stack
    yarn: Yarn
    pipeline: Pipeline
    api: AirflowApi
    properties: Path
    events: Path
    """Folder of Spark's event logs."""

    def prepare(self, seed: int, **more: str) -> None:
        """Send an hour of traffic that ends now, for a run with these properties of Spark; no run works meanwhile."""
        if not self.api.get(f"/dags/{DAG}")["is_paused"]:
            pause(self.api)
        self.set(**more)
        now = datetime.now(UTC)
        self.pipeline.produce_traffic(5_000, seed, now - timedelta(hours=1), now)

    def set(self, **more: str) -> None:
        """Write Spark's properties for the next runs."""
        given = [line for line in PROPERTIES_FILE.read_text().splitlines() if "spark.driver." not in line]
        own = [line for line in given if not line.startswith(("spark.master", "spark.pyspark.python"))]
        own += [f"{name} {value}" for name, value in (DEFAULTS | more).items()]
        self.properties.write_text("\n".join(own))

    def start(self) -> tuple[str, int]:
        """Let Airflow run the DAG; return the run that counts, scheduled or not, and the process of its task."""
        self.api.unpause(DAG)
        if self.api.runs(DAG):  # the first run is the schedule's own
            self.api.trigger(DAG)
        found: list[dict[str, Any]] = []

        def has_begun() -> bool:
            runs = [run["dag_run_id"] for run in self.api.get(f"/dags/{DAG}/dagRuns", state="running")["dag_runs"]]
            tasks = [task for run in runs for task in self.api.task_instances(DAG, run)]
            found[:] = [
                one for one in tasks if (one["task_id"], one["state"]) == ("aggregate", "running") and one["pid"]
            ]
            return bool(found)

        wait_until(has_begun, "a run that counts", RUN_SECONDS)
        return str(found[0]["dag_run_id"]), int(found[0]["pid"])

    def stopped_run(self) -> tuple[str, int]:
        """Start a run, and return it when its driver stands still, with its task's process."""
        run_id, pid = self.start()
        wait_until(lambda: bool(self.yarn.stopped_processes()), "a driver that has stopped", RUN_SECONDS)
        wait_until(lambda: "Tracking YARN application" in self.log(run_id), "a task that waits for it")
        return run_id, pid

    def log(self, run_id: str) -> str:
        """Return the logs of all tries of the task."""
        logs = sorted((self.stack.log_folder / "airflow-tasks").rglob(f"*run_id={run_id}/task_id=aggregate/*.log"))
        return "".join(log.read_text() for log in logs)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("yarn")
    venv.create(folder / "python", symlinks=True)
    python, properties, events = folder / "python" / "bin" / "python", folder / "spark.conf", folder / "events"
    events.mkdir()
    assert subprocess.run([python, "-c", "import psycopg"], check=False, capture_output=True).returncode == 1
    assert main(["package", str(folder), "--libraries"]) == 0
    home = fresh_home("yarn")
    with yarn_cluster(folder / "cluster") as yarn, settings_for_tests(home), pytest.MonkeyPatch.context() as patch:
        extra = {
            "deploy-mode": "cluster",
            "properties-file": str(properties),
            "yarn_resourcemanager_webapp_address": yarn.address,
        }
        spark = {
            "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps({"conn_type": "spark", "host": "yarn", "extra": extra}),
            "HADOOP_CONF_DIR": str(yarn.home),
            "CHECKPOINT_LOCATION": f"{yarn.files}/web-traffic/checkpoint",
        }
        for_tests = airflow.environment
        patch.setattr(airflow, "environment", lambda stack: for_tests(stack) | spark)
        DEFAULTS["spark.eventLog.dir"] = events.as_uri()
        DEFAULTS["spark.pyspark.python"] = str(python)
        DEFAULTS["spark.archives"] = f"{folder}/web_traffic_libraries.tar.gz#web_traffic_libraries"
        with running(Stack.create(home), "postgres", "kafka") as stack:
            pipeline = start_airflow(stack)
            with airflow_api(stack) as api:
                pipeline.environment["CHECKPOINT_LOCATION"] = spark["CHECKPOINT_LOCATION"]
                found = Deployment(stack, yarn, pipeline, api, properties, events)
                found.set()
                wait_until(lambda: DAG in {dag["dag_id"] for dag in api.get("/dags")["dags"]}, "the DAG", RUN_SECONDS)
                yield found
    shutil.rmtree(home)


def test_a_driver_in_the_cluster_counts_right_and_shows_no_secret(deployment: Deployment) -> None:
    deployment.prepare(seed=1)
    run_id, _ = deployment.start()
    assert deployment.api.wait_for_run(DAG, run_id, RUN_SECONDS)["state"] == "success", deployment.log(run_id)[-5000:]
    assert deployment.pipeline.recount().is_right
    application = deployment.yarn.applications()[0]
    assert application["finalStatus"] == "SUCCEEDED"
    secret = deployment.stack.secrets.postgres_writer
    settings = [file for file in deployment.yarn.traces() if file.name == "web_traffic_settings.json"]
    assert settings
    for file in [*deployment.yarn.traces(), *deployment.events.rglob("*")]:
        assert file in settings or not file.is_file() or secret.encode() not in file.read_bytes(), file
    assert secret not in json.dumps(application) + deployment.log(run_id)


def test_the_retry_of_a_lost_worker_waits_for_the_driver_that_lives_on(deployment: Deployment) -> None:
    deployment.prepare(seed=2, **STOP)
    run_id, task = deployment.stopped_run()
    psutil.Process(task).kill()
    wait_until(
        lambda: "Reconnecting to existing job" in deployment.log(run_id),
        "a retry that has found the driver",
        RUN_SECONDS,  # a run of the schedule may take its turn before
    )
    for process in deployment.yarn.stopped_processes():
        process.send_signal(signal.SIGCONT)
    assert deployment.api.wait_for_run(DAG, run_id, RUN_SECONDS)["state"] == "success", deployment.log(run_id)[-5000:]
    runs = deployment.pipeline.query(f"SELECT status FROM etl.run WHERE name = '{DAG}/{run_id}'")
    assert runs == [("succeeded",)]
    assert deployment.pipeline.recount().is_right


def test_a_task_that_is_stopped_ends_its_driver_and_can_be_cleared(deployment: Deployment) -> None:
    deployment.prepare(seed=3, **STOP)
    run_id, _ = deployment.stopped_run()
    deployment.set()
    deployment.api.patch(f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/aggregate", new_state="failed")
    wait_until(lambda: deployment.yarn.applications()[0]["state"] == "KILLED", "the driver's end", 60)
    wait_until(lambda: not deployment.yarn.stopped_processes(), "the end of its processes", 60)
    again = {"dag_run_id": run_id, "task_ids": ["aggregate"], "dry_run": False, "include_downstream": True}
    deployment.api.post(f"/dags/{DAG}/clearTaskInstances", only_failed=False, reset_dag_runs=True, **again)
    assert deployment.api.wait_for_run(DAG, run_id, RUN_SECONDS)["state"] == "success", deployment.log(run_id)[-5000:]
    assert deployment.pipeline.recount().is_right


def test_a_driver_in_the_cluster_says_why_it_fails(deployment: Deployment) -> None:
    deployment.prepare(seed=4)
    with deployment.pipeline.owner() as connection:
        connection.execute("REVOKE INSERT ON etl.staged_window FROM web_traffic_writer")
    run_id, _ = deployment.start()
    try:
        assert deployment.api.wait_for_run(DAG, run_id, RUN_SECONDS)["state"] == "failed"
    finally:
        with deployment.pipeline.owner() as connection:
            connection.execute("GRANT INSERT ON etl.staged_window TO web_traffic_writer")
    log = deployment.log(run_id)
    assert (
        "a person has to act: NeedsAttention: InsufficientPrivilege: permission denied for table staged_window" in log
    )


def test_a_driver_outside_of_the_cluster_counts_right(deployment: Deployment) -> None:
    deployment.prepare(seed=5, **{"spark.pyspark.driver.python": sys.executable})
    program, *arguments = submit_command(deployment.properties)
    command = [program, "--master", "yarn", "--deploy-mode", "client", *arguments]
    summary = dataclasses.replace(deployment.pipeline, command=command).run(HADOOP_CONF_DIR=str(deployment.yarn.home))
    assert summary["status"] == "succeeded"
    assert deployment.pipeline.recount().is_right
