"""Nothing runs any more, or a channel is down: the watchdog tells, once, and says when it is over."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from local_stack import Stack, up
from local_stack.programs import all_programs
from local_stack.rest import AirflowApi
from local_stack.supervisor import Supervisor
from tests.faults.stopped import wait_until
from tests.integration.alerts.observe import Inbox, run, text
from tests.pipeline import Pipeline
from web_traffic.alerts.settings import AlertSettings
from web_traffic.errors import EXIT_FOUND_WRONG, EXIT_NEEDS_ATTENTION, EXIT_TRY_AGAIN

DAG = "web_traffic"
RUN_SECONDS = 180
DEADLINE_SECONDS = 5
SCHEDULER_SECONDS = 75
"""Airflow calls a scheduler dead after 30 s without a heartbeat, and the watchdog looks every 15 s."""
NEXT_LOOK_SECONDS = 60


@pytest.fixture
def watchdog(stack: Stack) -> Iterator[None]:
    """Let the stack's watchdog run."""
    up(stack, "watchdog")
    yield
    stop(stack, "watchdog")


def stop(stack: Stack, program: str) -> None:
    supervisor = Supervisor(stack)
    supervisor.stop_program(program)
    wait_until(lambda: supervisor.state(program).state in ("STOPPED", "EXITED", "FATAL"), f"{program} is down", 40)


def look(stack: Stack, **environment: str) -> int:
    """Look once, as cron would, and return the exit code."""
    own = stack.process_environment() | all_programs(stack)["watchdog"].environment()
    command = [sys.executable, "-m", "web_traffic", "watchdog"]
    return subprocess.run(command, env=own | environment, check=False, timeout=60).returncode


def test_a_scheduler_that_was_killed_is_a_mail(stack: Stack, api: AirflowApi, watchdog: None, inbox: Inbox) -> None:
    supervisor = Supervisor(stack)
    os.kill(supervisor.state("airflow-scheduler").pid, signal.SIGKILL)
    stop(stack, "airflow-scheduler")  # or the supervisor would start it again, and nobody need know
    body = text(inbox.wait_for(1, SCHEDULER_SECONDS))
    opened_after = inbox.seconds()
    up(stack, "airflow-scheduler")
    inbox.wait_for(2, NEXT_LOOK_SECONDS)
    print(f"the scheduler's mail came after {opened_after:.1f} s")
    assert inbox.subjects() == ["[error] Airflow does not run", "[recovered] Airflow does not run"]
    assert "Error:     no sign of life from the scheduler\n" in body


def test_a_dag_that_is_paused_past_its_deadline_is_a_mail(stack: Stack, api: AirflowApi, inbox: Inbox) -> None:
    api.unpause(DAG)
    api.wait_for_run(DAG, api.trigger(DAG), RUN_SECONDS)
    assert look(stack) == 0
    api.patch(f"/dags/{DAG}", is_paused=True)
    deadline = {"RUN_DEADLINE": str(DEADLINE_SECONDS)}
    wait_until(lambda: look(stack, **deadline) == EXIT_FOUND_WRONG, "the deadline has passed", 4 * DEADLINE_SECONDS)
    assert look(stack, **deadline) == EXIT_FOUND_WRONG
    body = text(inbox.wait_for(1, 1))
    api.unpause(DAG)
    api.wait_for_run(DAG, api.trigger(DAG), RUN_SECONDS)
    api.patch(f"/dags/{DAG}", is_paused=True)
    assert look(stack) == 0
    assert inbox.subjects() == ["[error] web_traffic does not run", "[recovered] web_traffic does not run"]
    assert "no run has been checked since" in body
    assert "(RUN_DEADLINE is 0:00:05)" in body
    assert "Next step: look at the DAG's page: is the DAG paused, or its newest run stuck?\n" in body


def test_mails_wait_for_a_mail_server_that_is_down(
    stack: Stack, api: AirflowApi, warehouse: Pipeline, inbox: Inbox
) -> None:
    stop(stack, "mail")
    try:
        run(api, "trouble", how="fail")
        assert warehouse.query("SELECT unsent FROM etl.alert WHERE key LIKE 'trouble/%' AND resolved_at IS NULL") == [
            (["opened mail"],)
        ]
        wait_until(lambda: look(stack) == EXIT_TRY_AGAIN, "the task's own try to send is over")
        run(api, "trouble")
        wait_until(lambda: look(stack) == EXIT_TRY_AGAIN, "the task's own try to send is over")
    finally:
        up(stack, "mail")
    assert inbox.subjects() == []
    up(stack, "watchdog")
    try:
        inbox.wait_for(2, NEXT_LOOK_SECONDS)
    finally:
        stop(stack, "watchdog")
    assert look(stack) == 0
    assert inbox.subjects() == ["[error] task work of trouble failed", "[recovered] task work of trouble failed"]


def test_a_database_that_is_down_is_a_mail(stack: Stack, api: AirflowApi, inbox: Inbox) -> None:
    for _ in range(2):
        assert look(stack, POSTGRES_URL="postgresql://127.0.0.1:1/web_traffic") == EXIT_FOUND_WRONG
    assert look(stack) == 0
    subjects = [f"[{word}] PostgreSQL does not answer" for word in ("error", "recovered")]
    assert inbox.subjects() == subjects


def test_a_wrong_setting_is_said(stack: Stack) -> None:
    assert look(stack, ALERT_SMTP_URL="mail") == EXIT_NEEDS_ATTENTION


def test_a_database_without_the_schema_is_no_incident(stack: Stack, api: AirflowApi, inbox: Inbox) -> None:
    airflow = {"POSTGRES_USER": "airflow", "POSTGRES_PASSWORD": stack.secrets.airflow_db}
    assert look(stack, POSTGRES_URL=stack.postgres_url.removesuffix("web_traffic") + "airflow", **airflow) == 0
    assert inbox.subjects() == []


def test_the_settings_show_no_password() -> None:
    settings = AlertSettings.from_environment(
        {"ALERT_SMTP_URL": "smtps://me:swordfish@mail.example:465", "ALERT_URLS": "slack://swordfish/a/b"}
    )
    assert "swordfish" not in repr(settings)
