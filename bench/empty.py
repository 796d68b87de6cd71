"""A run that finds nothing new, in Airflow: task against task, on a whole stack of its own."""

import json
import shutil
import statistics
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from bench.line_up import FOLDER, seed_jars
from bench.loads import PLAIN_TABLE, PlainTraffic
from bench.racing import say
from bench.results import Goal, Section
from local_stack import Stack, airflow, running
from local_stack.environment import REPO, VAR
from local_stack.postgres import make_warehouse
from local_stack.rest import AirflowApi, airflow_api
from local_stack.spark import submit_environment
from simulator.sending import Sender
from web_traffic.kafka import ensure_topic
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect

EVENTS, LIMIT_SECONDS = 20_000, 300
TASKS = {"web_traffic": "new_offsets", "seed": "seed"}


def empty(_: Stack, rounds: int = 5) -> Section:
    """Let both count some events, then run them on nothing."""
    home = VAR / "bench" / "airflow"
    shutil.rmtree(home, ignore_errors=True)
    own_environment = airflow.environment
    with (
        patch.object(airflow, "environment", lambda stack: own_environment(stack) | _additions(stack)),
        running(Stack.create(home), "postgres", "kafka", "mail", "airflow") as stack,
        airflow_api(stack) as api,
    ):
        _prepare(stack)
        for dag in TASKS:
            api.unpause(dag)
            _run(api, dag)
        seconds: dict[str, list[tuple[float, float]]] = {dag: [] for dag in TASKS}
        for number in range(rounds):
            for dag, found in seconds.items():
                found.append(_run(api, dag))
                say(f"  round {number + 1}, {dag}: task {found[-1][0]:.2f} s, run {found[-1][1]:.2f} s")
    medians = {dag: [statistics.median(column) for column in zip(*rows, strict=True)] for dag, rows in seconds.items()}
    ratio = medians["web_traffic"][0] / medians["seed"][0]
    return Section(
        "An empty run, in Airflow",
        ["DAG", "n", "task that finds nothing new, s", "whole DAG run, s"],
        [[f"{dag} ({TASKS[dag]})", rounds, f"{task:.2f}", f"{run:.2f}"] for dag, (task, run) in medians.items()],
        [Goal(1, "task that finds nothing new, against the seed job's task", 0.05, ratio)],
        notes=["A run of web_traffic includes all of its tasks, with checks and the asset event; seed has one task."],
    )


def _additions(stack: Stack) -> dict[str, str]:
    """What the seed job needs beside the project's own settings: its DAG, its connection, its database."""
    bundles = [
        {
            "name": name,
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(path)},
        }
        for name, path in (("dags-folder", REPO / "dags"), ("bench", REPO / "bench" / "dags"))
    ]
    return {
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
        "AIRFLOW_CONN_SPARK_SEED": json.dumps({"conn_type": "spark", "host": "local[*]"}),
        "SEED_APPLICATION": str(FOLDER / "seed.py"),
        "SEED_JARS": seed_jars(),
        "KAFKA_URL": stack.kafka_url,
        "POSTGRES_URL": stack.postgres_url.removeprefix("jdbc:").replace("/web_traffic", "/seed"),
        "POSTGRES_USER": "web_traffic_owner",
        "POSTGRES_PASSWORD": stack.secrets.postgres_owner,
        "SEED_CHECKPOINT": str(stack.home / "seed-checkpoint"),
    }


def _prepare(stack: Stack) -> None:
    """Send some events that the seed job can read, and make the table that it writes to."""
    settings = Settings.from_environment(submit_environment(stack))
    ensure_topic(settings)
    sender = Sender(settings, give_up_after=timedelta(minutes=1))
    now = datetime.now(UTC)
    for event in PlainTraffic(5, 60, 400).events(now - timedelta(hours=1), now, EVENTS):
        sender.send(event)
    sender.flush(60)
    make_warehouse(stack, "seed")
    login = {"POSTGRES_USER": "web_traffic_owner", "POSTGRES_PASSWORD": stack.secrets.postgres_owner}
    address = {"POSTGRES_URL": stack.postgres_url.replace("/web_traffic", "/seed")}
    with connect(Settings.from_environment(submit_environment(stack) | login | address)) as connection:
        connection.execute(PLAIN_TABLE)


def _run(api: AirflowApi, dag: str) -> tuple[float, float]:
    """Run a DAG by hand; returns the seconds of its task, and of the whole run."""
    run_id = api.trigger(dag)
    run = api.wait_for_run(dag, run_id, LIMIT_SECONDS)
    if run["state"] != "success":
        raise RuntimeError(f"{run_id} of {dag} has failed")
    [task] = [each for each in api.task_instances(dag, run_id) if each["task_id"] == TASKS[dag]]
    began, ended = (datetime.fromisoformat(run[name]) for name in ("start_date", "end_date"))
    return task["duration"], (ended - began).total_seconds()
