"""Incidents in the real PostgreSQL, and their messages on the way."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local_stack import Stack, up
from tests.integration.alerts.observe import Inbox
from tests.pipeline import Pipeline
from web_traffic.alerts import Incident, recover, report
from web_traffic.alerts.channels import Apprise
from web_traffic.alerts.incident import as_windows
from web_traffic.alerts.message import Message
from web_traffic.alerts.offline import FILE
from web_traffic.alerts.settings import AlertSettings
from web_traffic.alerts.store import close_incidents, deliver, open_incident, overdue_since
from web_traffic.errors import ChannelDown
from web_traffic.intervals import Interval

AN_INCIDENT = Incident("a dag/a task", "a task failed", "it broke", "mend it", failure="run 1")


class Recorder:
    """A channel that keeps what it is given, and can be down."""

    def __init__(self, name: str = "recorder", *, is_up: bool = True) -> None:
        self.name = name
        self.is_up = is_up
        self.messages: list[Message] = []

    def send(self, message: Message) -> None:
        if not self.is_up:
            raise ChannelDown(f"{self.name} is down")
        self.messages.append(message)

    def subjects(self) -> list[str]:
        return [message.subject for message in self.messages]


@pytest.fixture
def connection(pipeline: Pipeline) -> Iterator[psycopg.Connection[Any]]:
    with pipeline.connect() as connection:
        yield connection


@pytest.fixture
def inbox(stack: Stack) -> Inbox:
    up(stack, "mail")
    return Inbox(stack.mail_folder)


def now() -> datetime:
    return datetime.now(UTC)


def test_a_failure_counts_once_whoever_reports_it_and_also_after_its_end(
    connection: psycopg.Connection[Any],
) -> None:
    channel = Recorder()
    for failure in ("run 1", "run 1", "run 2", "run 1", "run 2"):
        open_incident(connection, replace(AN_INCIDENT, failure=failure), ["recorder"])
    deliver(connection, [channel])
    close_incidents(connection, [AN_INCIDENT.key], now())
    open_incident(connection, replace(AN_INCIDENT, failure="run 2"), ["recorder"])
    deliver(connection, [channel])
    assert channel.subjects() == ["[error] a task failed", "[recovered] a task failed"]
    assert "Seen:      2 times" in channel.messages[0].body
    open_incident(connection, replace(AN_INCIDENT, failure="run 3", at=now()), ["recorder"])
    deliver(connection, [channel])
    assert len({message.id for message in channel.messages}) == 3


@pytest.mark.parametrize(
    ("key", "is_explained"),
    [("web_traffic/aggregate", True), ("web_traffic/redrive", False), ("web_traffic/restate", False)],
)
def test_a_failure_explains_that_nothing_was_checked_unless_it_holds_up_its_own_run_only(
    connection: psycopg.Connection[Any], key: str, is_explained: bool
) -> None:
    connection.execute(
        "INSERT INTO etl.quality_result (checked_at, run_name, table_name, rule, dimension, severity, status, "
        "condition, checked, offenders, sample) VALUES (now() - interval '1 hour', 'a run', "
        "'aggregated_web_traffic', 'a rule', 'validity', 'warn', 'passed', 'no offender', 1, 0, '[]')"
    )
    assert overdue_since(connection, timedelta(minutes=20)) is not None
    open_incident(connection, replace(AN_INCIDENT, key=key), [])
    assert (overdue_since(connection, timedelta(minutes=20)) is None) == is_explained


def test_what_is_not_open_does_not_recover(connection: psycopg.Connection[Any]) -> None:
    assert close_incidents(connection, [AN_INCIDENT.key], now()) == []


def test_an_incident_about_windows_is_over_when_all_of_them_have_succeeded(
    connection: psycopg.Connection[Any],
) -> None:
    noon = datetime(2026, 3, 29, 12, tzinfo=UTC)

    def windows(start: int, end: int) -> str | None:
        return as_windows(Interval(noon + timedelta(minutes=start), noon + timedelta(minutes=end)))

    for failure, start in (("run 1", 0), ("run 2", 5), ("run 3", 30)):
        open_incident(connection, replace(AN_INCIDENT, failure=failure, windows=windows(start, start + 5)), [])
    healed = [(60, 90), (0, 10), (30, 32), (0, 60)]
    over = [close_incidents(connection, [AN_INCIDENT.key], now(), windows(*one)) for one in healed]
    assert over == [[], [], [], [AN_INCIDENT.key]]
    assert close_incidents(connection, [AN_INCIDENT.key], now(), windows(0, 60)) == []


def test_a_channel_that_is_down_gets_its_messages_later_in_order_and_the_others_get_theirs_once(
    connection: psycopg.Connection[Any],
) -> None:
    up, down = Recorder("up"), Recorder("down", is_up=False)
    open_incident(connection, AN_INCIDENT, ["up", "down"])
    assert [str(error) for error in deliver(connection, [up, down])] == ["down is down"]
    close_incidents(connection, [AN_INCIDENT.key], now())
    assert [str(error) for error in deliver(connection, [up, down])] == ["down is down"]
    down.is_up = True
    assert deliver(connection, [up, down]) == []
    assert up.subjects() == down.subjects() == ["[error] a task failed", "[recovered] a task failed"]


def test_processes_that_deliver_at_the_same_time_send_each_message_once(
    connection: psycopg.Connection[Any], pipeline: Pipeline
) -> None:
    channel, workers = Recorder(), 8
    for number in range(50):
        open_incident(connection, replace(AN_INCIDENT, key=f"key {number}", title=f"{number}"), ["recorder"])
    at_once = threading.Barrier(workers)

    def work(_: int) -> None:
        with pipeline.connect() as own:
            at_once.wait()
            deliver(own, [channel])

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, range(workers)))
    assert sorted(channel.subjects()) == sorted(f"[error] {number}" for number in range(50))


def test_a_process_that_dies_after_sending_sends_the_same_message_again(
    connection: psycopg.Connection[Any], pipeline: Pipeline
) -> None:
    class Dying(Recorder):
        def send(self, message: Message) -> None:
            super().send(message)
            raise KeyboardInterrupt

    channel, dying = Recorder(), Dying()
    open_incident(connection, AN_INCIDENT, ["recorder"])
    with pytest.raises(KeyboardInterrupt), pipeline.connect() as own:
        deliver(own, [dying])
    deliver(connection, [channel])
    assert channel.messages == dying.messages


def test_without_postgresql_the_mail_arrives_once_and_the_incident_moves_to_the_table(
    stack: Stack, connection: psycopg.Connection[Any], pipeline: Pipeline, inbox: Inbox, tmp_path: Path
) -> None:
    alerts = AlertSettings.from_environment(
        {
            "ALERT_SMTP_URL": f"smtp://127.0.0.1:{stack.ports.mail}",
            "ALERT_EMAIL": "a@web-traffic.example, b@web-traffic.example",
            "ALERT_FOLDER": str(tmp_path),
        }
    )
    down = replace(pipeline.settings, postgres_url="postgresql://127.0.0.1:1/web_traffic")
    secret = replace(AN_INCIDENT, error=f"no login with {down.postgres_password}")
    for failure in ("run 1", "run 1", "run 2"):
        assert report(down, alerts, replace(secret, failure=failure)) == []
    with pytest.raises(psycopg.OperationalError):
        recover(down, alerts, AN_INCIDENT.key)
    assert inbox.subjects() == ["[error] a task failed"]
    assert (tmp_path / FILE).exists()
    recover(pipeline.settings, alerts, AN_INCIDENT.key)
    mails = inbox.mails()
    assert [mail["Subject"] for mail in mails] == ["[error] a task failed", "[recovered] a task failed"]
    assert mails[1]["In-Reply-To"] == mails[0]["Message-ID"]
    assert mails[0]["X-Rcpt-To"] == "a@web-traffic.example, b@web-traffic.example"
    assert "no login with ***" in mails[0].get_content()
    assert not (tmp_path / FILE).exists()
    assert pipeline.query("SELECT failures, error FROM etl.alert") == [(2, "no login with ***")]


def test_any_service_that_apprise_knows_can_be_told() -> None:
    received: list[dict[str, Any]] = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200 if len(received) == 1 else 500)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Webhook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        channel = Apprise(f"json://user:swordfish@127.0.0.1:{server.server_port}/")
        message = Message("a subject", "a body\n", "<id>", None, is_good_news=False)
        channel.send(message)
        with pytest.raises(ChannelDown, match="the service did not take the message"):
            channel.send(message)
    finally:
        server.shutdown()
        server.server_close()
    assert (received[0]["title"], received[0]["message"], received[0]["type"]) == ("a subject", "a body", "failure")
    assert channel.name.startswith("json-")
    assert "swordfish" not in channel.name
