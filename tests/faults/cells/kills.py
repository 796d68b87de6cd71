"""Kills of a run at each point where it could leave something half done."""

import os
import sys
from functools import partial

from local_stack.airflow import environment as airflow_environment
from local_stack.airflow import prepare as prepare_airflow
from local_stack.environment import REPO
from tests.faults.cell import Cell
from tests.faults.stopped import stopped_at, wait_until
from tests.faults.trial import Trial

KILL_POINTS = {
    "K1": ("before offsets", "before Spark's offset log"),
    "K2": ("offsets logged", "after the offset log, before the batch"),
    "K3": ("copying", "half-way through a task's COPY"),
    "K4": ("windows staged", "while tasks commit their state"),
    "K5": ("before begin", "before BEGIN"),
    "K6": ("batch committed", "after COMMIT, before Spark's commit log"),
    "K7": ("stream ended", "after Spark's commit log, before the run's books"),
}
BATCH_POINTS = ("offsets logged", "before begin", "batch committed")
TARGETS = ("jvm", "python", "group")


def kill(point: str, trial: Trial) -> None:
    """Kill a run at a point: its JVM, the Python process at the point, or all of it.

    Of a run's two batches the first reads and the second writes: half of the kills at a batch's points are at each.
    """
    nth = 1 + trial.seed // len(TARGETS) % 2 if point in BATCH_POINTS else 1
    with stopped_at(trial.pipeline, point, nth) as run:
        run.kill(TARGETS[trial.seed % len(TARGETS)])
    trial.was_seen = True


def zombie(trial: Trial) -> None:
    """Lose the Airflow worker: its run lives on while the retry starts, and both come to their end."""
    with stopped_at(trial.pipeline, trial.random.choice(BATCH_POINTS), nth=trial.random.choice([1, 2])) as run:
        retry = trial.pipeline.start()
        wait_until(lambda: _is_waiting_for_its_turn(trial), "a retry that waits for the run before")
        run.go_on()
        assert run.wait()[0] == 0
        assert retry.wait(180) == 0, retry.communicate()[0]
        retry.communicate()


def kill_after_exit_0(trial: Trial) -> None:
    """Lose the Airflow task after its application has ended well, before Airflow knows: the task runs again."""
    by_hand = trial.pipeline.command, trial.pipeline.environment
    run_by_airflow(trial)
    with stopped_at(trial.pipeline, "submitted") as run:
        run.kill("group")
    trial.was_seen = True
    assert trial.pipeline.submit().returncode == 0
    trial.pipeline.command, trial.pipeline.environment = by_hand


def run_by_airflow(trial: Trial) -> None:
    """Let the pipeline's runs be runs of the DAG, with all of its tasks, in a process of their own."""
    prepare_airflow(trial.stack)
    settings, name = trial.pipeline.settings, trial.pipeline.settings.postgres_url.rpartition("/")[2]
    environment = airflow_environment(trial.stack) | {
        "PATH": trial.pipeline.environment["PATH"],
        "HOME": os.environ["HOME"],
        "KAFKA_TOPIC": settings.kafka_topic,
        "CHECKPOINT_LOCATION": str(settings.checkpoint_location),
    }
    for variable in ("AIRFLOW_CONN_POSTGRES_DEFAULT", "AIRFLOW_CONN_POSTGRES_OWNER"):
        environment[variable] = environment[variable].replace('"schema": "web_traffic"', f'"schema": "{name}"')
    trial.pipeline.environment = trial.pipeline.environment | environment
    trial.pipeline.command = [sys.executable, str(REPO / "tests" / "faults" / "dag_run.py")]


def _is_waiting_for_its_turn(trial: Trial) -> bool:
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
    return bool(trial.pipeline.query(waiting))


CELLS = (
    *(Cell(name, f"killed {title}", partial(kill, point), 30) for name, (point, title) in KILL_POINTS.items()),
    Cell("K8", "zombie: the worker is lost, its run lives on, the retry starts", zombie, 30),
    Cell("K9", "killed after exit code 0, before Airflow's success", kill_after_exit_0, 30),
)
