"""A Spark application fails under Airflow: the task's error and its mail are the cause; and a task is tried alone."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local_stack import Stack, airflow
from local_stack.environment import PROPERTIES_FILE
from local_stack.rest import AirflowApi
from tests.faults.stopped import wait_until
from tests.integration.alerts.observe import RUN_SECONDS, Inbox, text
from tests.pipeline import Pipeline, revoked
from tests.whole_stack import FirstRun, pause

DAG = "web_traffic"
MAIL_SECONDS = 30


@pytest.fixture
def live(api: AirflowApi) -> Iterator[AirflowApi]:
    """Return Airflow, whose schedule of the project's own DAG ends with the test."""
    yield api
    pause(api)


def mail(inbox: Inbox, subject: str) -> str:
    """Wait for the mail with that subject, and return its text."""
    wait_until(lambda: subject in inbox.subjects(), f"{subject}; there are {inbox.subjects()}", MAIL_SECONDS)
    [found] = [text(mail) for mail in inbox.mails() if mail["Subject"] == subject]
    return found


def task(api: AirflowApi, run_id: str, task_id: str) -> tuple[str, int]:
    """Return state and number of the try of a task."""
    [found] = [task for task in api.task_instances(DAG, run_id) if task["task_id"] == task_id]
    return found["state"], found["try_number"]


def test_a_run_that_fails_in_a_worker_is_a_mail_with_the_cause_and_not_tried_again(
    live: AirflowApi, warehouse: Pipeline, inbox: Inbox
) -> None:
    warehouse.produce(b"broken")
    with revoked(warehouse, "INSERT ON etl.rejected_event"):
        live.unpause(DAG)
        run_id = live.trigger(DAG)
        live.wait_for_run(DAG, run_id, RUN_SECONDS)
        body = mail(inbox, "[error] task aggregate of web_traffic failed")
    assert task(live, run_id, "aggregate") == ("failed", 1)
    assert "Error:     InsufficientPrivilege: permission denied for table rejected_event; grant the role" in body
    assert "Next step: the error says what to do; then clear the task\n" in body
    live.wait_for_run(DAG, live.trigger(DAG), RUN_SECONDS)
    mail(inbox, "[recovered] task aggregate of web_traffic failed")


def test_a_restatement_that_is_refused_is_a_mail_with_its_reason_and_no_other_one_ends_it(
    live: AirflowApi, warehouse: Pipeline, first_run: FirstRun, inbox: Inbox
) -> None:
    live.unpause(DAG)
    now, end = (at.timestamp() // 300 * 300 for at in (datetime.now(UTC), first_run.end))

    def restate(begin: float) -> str:
        start, end = (datetime.fromtimestamp(at, UTC).isoformat() for at in (begin, begin + 300))
        run_id = live.trigger(DAG, conf={"restate_from": start, "restate_to": end})
        live.wait_for_run(DAG, run_id, RUN_SECONDS)
        return run_id

    run_id = restate(now + 3600)
    body = mail(inbox, "[error] task restate of web_traffic failed")
    assert task(live, run_id, "restate") == ("failed", 1)
    assert "Error:     NotSealed: " in body
    assert "Cannot execute" not in body
    assert "Next step: the error says what to do; then clear the task\n" in body
    restate(end - 1800)
    still = "SELECT alert_id FROM etl.alert WHERE key = 'web_traffic/restate/windows' AND resolved_at IS NULL"
    [(alert_id,)] = warehouse.query(still)
    assert "[recovered] task restate of web_traffic failed" not in inbox.subjects()
    with warehouse.owner() as connection:  # as if these windows, which are closed, had been refused
        connection.execute(
            "UPDATE etl.alert SET windows = tstzmultirange(tstzrange(to_timestamp(%s), to_timestamp(%s))) "
            "WHERE alert_id = %s",
            (end - 1800, end - 1500, alert_id),
        )
    restate(end - 1800)
    mail(inbox, "[recovered] task restate of web_traffic failed")


def test_aggregate_is_tried_alone_with_the_users_own_options_of_the_jvm(
    stack: Stack, api: AirflowApi, tmp_path: Path
) -> None:
    properties = tmp_path / "spark.conf"
    properties.write_text(
        f"{PROPERTIES_FILE.read_text()}\nspark.driver.extraJavaOptions -XX:+PrintCommandLineFlags -Xss3m\n"
    )
    spark = {"conn_type": "spark", "host": "local[*]", "extra": {"properties-file": str(properties)}}
    environment = {
        **os.environ,
        **stack.process_environment(),
        **airflow.environment(stack),
        "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps(spark),
    }
    command = [str(Path(sys.prefix, "bin", "airflow")), "tasks", "test", DAG, "aggregate", "2026-03-29"]
    result = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=RUN_SECONDS)
    said = result.stdout + result.stderr
    assert result.returncode == 0, said[-3000:]
    assert "NoneType" not in said
    [flags] = [line for line in said.splitlines() if "-XX:+PrintCommandLineFlags" in line and "--conf" not in line]
    assert "-XX:+UseSerialGC" in flags
    assert "-XX:ThreadStackSize=3072" in flags
