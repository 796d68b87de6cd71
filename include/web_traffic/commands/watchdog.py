"""Looks at the pipeline from outside of its tasks, and tells people when it stands still.

`web-traffic watchdog` looks once, for cron or a systemd timer; `--every 30` looks every 30 seconds. It finds what no
task can report: that nothing runs any more, because the scheduler is dead, the DAG is paused or PostgreSQL is down.
It also sends the messages that could not be sent before, and the digest of a week.
"""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import psycopg
import requests
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from web_traffic.alerts import Incident, offline
from web_traffic.alerts.channels import channels
from web_traffic.alerts.digest import send_digest
from web_traffic.alerts.incident import first_line
from web_traffic.alerts.settings import AlertSettings
from web_traffic.alerts.store import (
    close_incidents,
    deliver,
    end_silences,
    is_error_open,
    open_incident,
    overdue_since,
)
from web_traffic.errors import EXIT_FOUND_WRONG, EXIT_NEEDS_ATTENTION, EXIT_TRY_AGAIN, SettingsError
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect

log = logging.getLogger(__name__)

DESCRIPTION = f"""\
Look whether the pipeline runs, tell people if it does not, and send unsent messages. Addresses and login come from
the environment: POSTGRES_URL, POSTGRES_USER, POSTGRES_PASSWORD, AIRFLOW_URL, RUN_DEADLINE, ALERT_SMTP_URL, ALERT_FROM,
ALERT_EMAIL, ALERT_URLS, ALERT_FOLDER, ALERT_DIGEST. Exit code 0: no error is open, or each of them is silenced;
{EXIT_FOUND_WRONG}: one is open; {EXIT_TRY_AGAIN}: a
message could not be sent, and the next look tries again; {EXIT_NEEDS_ATTENTION}: a setting is wrong.
"""
POSTGRESQL, STANDSTILL = "postgresql", "web_traffic/standstill"
PATIENCE_SECONDS = 15
"""How long Airflow may take to answer, restarts included."""
COMPONENTS = {"metadatabase": "its database", "scheduler": "the scheduler", "dag_processor": "the DAG processor"}


def look(settings: Settings, alerts: AlertSettings) -> int:
    """Look once and return the exit code."""
    ways = channels(alerts)
    try:
        with closing(connect(settings)) as connection:
            if not _is_set_up(connection):
                log.info("the database lacks the tables of this version: the next run of the DAG makes them")
                return 0
            offline.hand_over(alerts.folder, connection)
            cause = _standstill(connection, alerts)
            if cause:
                open_incident(connection, cause, [way.name for way in ways])
            close_incidents(connection, [POSTGRESQL] if cause else [POSTGRESQL, STANDSTILL], datetime.now(UTC))
            end_silences(connection)
            not_sent = deliver(connection, ways)
            not_sent += send_digest(connection, ways, alerts.digest_weekday, datetime.now(UTC).date())
            is_open = is_error_open(connection)
    except psycopg.Error as error:
        not_sent, is_open = offline.report(alerts.folder, _database_is_down(settings, error), ways), True
    if not_sent:
        return EXIT_TRY_AGAIN
    return EXIT_FOUND_WRONG if is_open else 0


def _is_set_up(connection: psycopg.Connection[Any]) -> bool:
    with connection.transaction():
        return connection.execute("SELECT to_regclass('etl.digest') IS NOT NULL").fetchone() == (True,)


def _standstill(connection: psycopg.Connection[Any], alerts: AlertSettings) -> Incident | None:
    """Return an incident if no run can start, or if none came in time and no incident that people know explains it."""
    links = {"Page": f"{alerts.airflow_url}/dags/web_traffic"} if alerts.airflow_url else {}
    if alerts.airflow_url and (complaint := _health(alerts.airflow_url)):
        return _incident("Airflow does not run", complaint, "start what is down: see its log", links)
    checked_at = overdue_since(connection, alerts.run_deadline)
    if checked_at is None:
        return None
    error = f"no run has been checked since {checked_at:%Y-%m-%d %H:%M:%S} UTC (RUN_DEADLINE is {alerts.run_deadline})"
    next_step = "look at the DAG's page: is the DAG paused, or its newest run stuck?"
    return _incident("web_traffic does not run", error, next_step, links)


def _incident(title: str, error: str, next_step: str, links: dict[str, str]) -> Incident:
    at = datetime.now(UTC)
    return Incident(STANDSTILL, title, error, next_step, failure="", links=links, at=at)


def _database_is_down(settings: Settings, error: psycopg.Error) -> Incident:
    at = datetime.now(UTC)
    reason = f"{settings.postgres_url}: {first_line(error)}"
    incident = Incident(POSTGRESQL, "PostgreSQL does not answer", reason, "start it, or see its log", "", at=at)
    return incident.without(settings.postgres_password)


def _health(airflow_url: str) -> str | None:
    """Return what is wrong with Airflow, by its own report; None if nothing is."""
    try:
        report = _patiently(lambda: requests.get(f"{airflow_url}/api/v2/monitor/health", timeout=5).json())
        ill = [name for component, name in COMPONENTS.items() if report[component]["status"] != "healthy"]
    except (RetryError, KeyError, TypeError):
        return f"its API server does not answer at {airflow_url}"
    return f"no sign of life from {' and '.join(ill)}" if ill else None


def _patiently(ask: Callable[[], Any]) -> Any:
    patience = stop_after_delay(PATIENCE_SECONDS)
    return Retrying(retry=retry_if_exception_type(requests.RequestException), wait=wait_fixed(1), stop=patience)(ask)


def main(arguments: Sequence[str]) -> int:
    """Run the command line; returns its exit code."""
    parser = argparse.ArgumentParser(prog="web-traffic watchdog", description=DESCRIPTION)
    parser.add_argument("--every", type=int, metavar="SECONDS", help="look again every so many seconds")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        settings, alerts = Settings.from_environment(), AlertSettings.from_environment()
        if alerts.digest_weekday is not None and not (alerts.smtp_url and alerts.recipients):
            raise SettingsError("ALERT_DIGEST is sent by mail: set ALERT_SMTP_URL and ALERT_EMAIL, too")
    except SettingsError as error:
        sys.stderr.write(f"watchdog: {error}\n")
        return EXIT_NEEDS_ATTENTION
    code = look(settings, alerts)
    if options.every:
        is_told_to_end = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: is_told_to_end.set())  # between two looks, not amid a message
        while not is_told_to_end.wait(options.every):
            code = look(settings, alerts)
    return code
