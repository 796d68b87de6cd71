"""Callbacks that tell people when something fails, and when it is over. DAGs use `DAG_ALERTS` and `TASK_ALERTS`.

This module learns from Airflow what has happened; `web_traffic.alerts` does the rest.
"""

import logging
import os
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
from airflow.sdk import Context
from airflow.sdk.configuration import conf

from web_traffic.errors import NeedsAttention
from web_traffic_airflow.connections import alert_environment, job_settings, open_database
from web_traffic_airflow.naming import run_name
from web_traffic_airflow.params import FormRefused, is_restatement
from web_traffic_airflow.telemetry import send_metrics

if TYPE_CHECKING:
    from web_traffic.alerts import Incident
    from web_traffic.alerts.settings import AlertSettings
    from web_traffic.quality.runner import Result

log = logging.getLogger(__name__)

DO_WHAT_IT_SAYS = "the error says what to do; then clear the task"
CLEAR_THE_TASK = "see the end of the log, then clear the task: running it again never loses or doubles anything"
LOOK_AT_THE_FIGURES = "look at etl.quality_result; nothing has failed"
SPARK_TASKS = ("aggregate", "restate")
FORM = "form"
"""What a form that was refused is called in the key of its incident; the next one that is accepted ends it."""
KILLED = "the task's process ended without an error of its own: it was killed, or ran out of memory"


def on_task_failure(context: Context) -> None:
    """Report the final failure of a task; runs in the task's process, or elsewhere if that was killed."""
    _report(_task_incident(context, context.get("exception")))
    send_metrics()


def on_task_success(context: Context) -> None:
    """Report that the incident of a task is over, if there is one: the same work has succeeded.

    The last task of a run also ends the incident of its DAG, if that is about runs of the same kind.
    """
    ti = context["ti"]
    kind, windows = _restated(context)
    keys = [f"{ti.dag_id}/{ti.task_id}{kind}"]
    if getattr(context.get("dag_run"), "conf", None):
        keys.append(f"{ti.dag_id}/{FORM}")  # the first task has accepted it
    _recover(*keys, windows=windows)
    task = _task(context)
    if getattr(task, "ends_run", not getattr(task, "downstream_task_ids", ())):
        kind, windows = _restated_by_run(context)
        _recover(f"{ti.dag_id}{kind}", windows=windows)
    if getattr(task, "ends_run", False):
        send_metrics()


def on_dag_failure(context: Context) -> None:
    """Report a failed run, in case its task could not: a killed task runs no callback of its own."""
    from web_traffic.alerts import Incident

    ti = context.get("ti")
    if ti is not None and context.get("reason") == "task_failure":
        _report(_task_incident(context, None))
        return
    dag_id, run_id, reason = context["dag"].dag_id, context["run_id"], context.get("reason")
    kind, windows = _restated_by_run(context)
    _report(
        Incident(
            key=f"{dag_id}{kind}",
            title=f"a run of {dag_id} failed",
            error=str(reason or "no reason given"),
            next_step="open the run, and clear the task that it stopped at",
            failure=run_id,
            run_name=run_name(dag_id, run_id),
            links={"Page": f"{_airflow_url()}/dags/{dag_id}/runs/{quote(run_id)}"},
            windows=windows,
        )
    )


TASK_ALERTS: dict[str, Any] = {"on_failure_callback": on_task_failure, "on_success_callback": on_task_success}
"""For the `default_args` of a DAG."""
DAG_ALERTS: dict[str, Any] = {"on_failure_callback": on_dag_failure}
"""For the DAG itself."""


def report_warnings(context: Context, table: str, results: "Sequence[Result]") -> None:
    """Report each rule of severity warn that begins to find offenders, or stops; never fails the task."""
    from web_traffic.alerts import Incident

    ti = context["ti"]
    name = run_name(ti.dag_id, ti.run_id)
    kind, windows = _restated(context)
    quiet = [result.rule.name for result in results if result.status == "passed" and result.rule.severity == "warn"]
    try:
        _recover(*(f"{table}/{rule}{kind}" for rule in quiet), windows=windows)
        for result in results:
            if result.status == "warned":
                incident = Incident(
                    key=f"{table}/{result.rule.name}{kind}",
                    severity="warning",
                    title=f"{table}: {result.rule.name} warns",
                    error=result.headline,
                    next_step=LOOK_AT_THE_FIGURES,
                    failure=f"{name} {ti.try_number}",  # runs of two DAGs may warn of the same table
                    run_name=name,
                    links={"Log": ti.log_url},
                    windows=windows,
                )
                _report(incident)
    except psycopg.Error as error:
        log.warning("the warnings are not kept: %s", error)


def _restated(context: Context) -> tuple[str, str | None]:
    """Return the end of the key of a task's incidents, and the windows that the task restates or checks.

    A failure is over when the same work succeeds. So a task that works on restated windows has incidents of its own,
    each with its windows: neither live runs nor restatements of other windows end them.
    """
    return _restated_by_run(context) if getattr(_task(context), "is_about_windows", False) else ("", None)


def _task(context: Context) -> Any:
    return context.get("task") or getattr(context["ti"], "task", None)


def _restated_by_run(context: Context) -> tuple[str, str | None]:
    from web_traffic.alerts.incident import as_windows
    from web_traffic_airflow.restating import windows_of_run

    dag_run, asked = context.get("dag_run"), context.get("params") or {}
    if dag_run is None or not is_restatement(dag_run.run_type, asked, context["dag"].params):
        return "", None
    if asked.get("close_idle_windows"):
        return "/idle windows", None
    try:
        windows = as_windows(windows_of_run(asked, dag_run))
    except NeedsAttention:
        return "/windows", None
    return "/dry run" if asked.get("dry_run") else "/windows", windows


def _task_incident(context: Context, exception: BaseException | str | None) -> "Incident":
    from web_traffic.alerts import Incident
    from web_traffic.alerts.incident import first_line

    ti = context["ti"]
    kind, windows = _restated(context)
    work = FORM if isinstance(exception, FormRefused) else f"{ti.task_id}{kind}"
    books = _books(ti)
    error, next_step = _said(exception) if exception else (_error_of_run(books, ti) or KILLED, CLEAR_THE_TASK)
    return Incident(
        key=f"{ti.dag_id}/{work}",
        title=f"task {ti.task_id} of {ti.dag_id} failed",
        error=first_line(error),
        next_step=next_step,
        failure=f"{ti.run_id} {ti.try_number}",
        run_name=run_name(ti.dag_id, ti.run_id),
        links={"Log": ti.log_url, "Page": f"{_airflow_url()}/dags/{ti.dag_id}/runs/{quote(ti.run_id)}"},
        books=books,
        windows=windows,
    )


def _said(exception: BaseException | str) -> tuple[str, str]:
    """Return the cause of an error, and the next step; the operators' own errors are a cause already."""
    from web_traffic.causes import explain

    if isinstance(exception, str):
        return exception, CLEAR_THE_TASK
    failure = explain(exception)
    is_cause = type(exception) is NeedsAttention or type(exception).__module__.startswith("web_traffic_airflow")
    return str(exception) if is_cause else failure.line, DO_WHAT_IT_SAYS if failure.needs_attention else CLEAR_THE_TASK


def _books(ti: Any) -> dict[str, Any] | None:
    """Return the books of the task's run, or of its restatement; None if the database can't be read."""
    from web_traffic.warehouse.ledger import run_summary

    name = run_name(ti.dag_id, ti.run_id)
    try:
        with open_database() as connection:
            return run_summary(connection, name, "restate") or run_summary(connection, name)
    except psycopg.Error as error:
        log.warning("the books of %s are not known: %s", name, error)
        return None


def _error_of_run(books: dict[str, Any] | None, ti: Any) -> str | None:
    """Return the error that this try of a task has left in its run."""
    if not books or ti.task_id not in SPARK_TASKS:
        return None
    is_earlier = ti.start_date and datetime.fromisoformat(books["started_at"]) < ti.start_date
    return None if is_earlier else books["error"]


def _report(incident: "Incident") -> None:
    from web_traffic.alerts import report

    report(job_settings(), _alert_settings(), incident)


def _recover(*keys: str, windows: str | None = None) -> None:
    from web_traffic.alerts import recover

    recover(job_settings(), _alert_settings(), *keys, windows=windows)


def _alert_settings() -> "AlertSettings":
    from web_traffic.alerts.settings import AlertSettings

    return AlertSettings.from_environment(os.environ | alert_environment())


def _airflow_url() -> str:
    return str(conf.get("api", "base_url", fallback="http://localhost:8080")).rstrip("/")
