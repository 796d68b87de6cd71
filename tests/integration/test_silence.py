"""Incidents that may wait, and the digest of a week."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from local_stack import Stack, up
from tests.integration.alerts.observe import Inbox
from tests.integration.test_outbox import AN_INCIDENT, Recorder
from tests.pipeline import Pipeline
from web_traffic.alerts.channels import Mail
from web_traffic.alerts.digest import send_digest
from web_traffic.alerts.store import (
    close_incidents,
    deliver,
    end_silences,
    is_error_open,
    open_incident,
    open_incidents,
    silence,
)
from web_traffic.commands import main
from web_traffic.errors import EXIT_NEEDS_ATTENTION, ChannelDown

MONDAY = 0


@pytest.fixture
def connection(pipeline: Pipeline) -> Iterator[psycopg.Connection[Any]]:
    with pipeline.connect() as connection:
        yield connection


def later(**length: int) -> datetime:
    return datetime.now(UTC) + timedelta(**length)


def test_a_silenced_incident_is_known_until_its_time_and_then_people_hear_of_it_again(
    connection: psycopg.Connection[Any],
) -> None:
    channel = Recorder()
    open_incident(connection, AN_INCIDENT, ["recorder"])
    deliver(connection, [channel])
    [incident] = open_incidents(connection)
    assert is_error_open(connection)
    assert silence(connection, incident["alert_id"], later(hours=1), "ann", "it is ordered") == AN_INCIDENT.title
    end_silences(connection)
    open_incident(connection, replace(AN_INCIDENT, failure="run 2"), ["recorder"])
    deliver(connection, [channel])
    assert (is_error_open(connection), channel.subjects()) == (False, ["[error] a task failed"])
    for end in (later(seconds=-1), later(seconds=-1)):
        silence(connection, incident["alert_id"], end, "ann", "it is late")
        end_silences(connection)
        end_silences(connection)
        deliver(connection, [channel])
    assert is_error_open(connection)
    assert channel.subjects() == ["[error] a task failed", "[still open] a task failed", "[still open] a task failed"]
    assert "The silence is over (ann: it is late)." in channel.messages[-1].body
    assert len({message.id for message in channel.messages}) == 3
    assert channel.messages[-1].answers == channel.messages[0].id


def test_the_end_of_a_silenced_incident_is_told(connection: psycopg.Connection[Any]) -> None:
    channel = Recorder()
    open_incident(connection, AN_INCIDENT, ["recorder"])
    silence(connection, open_incidents(connection)[0]["alert_id"], later(hours=1), "ann", "it is ordered")
    close_incidents(connection, [AN_INCIDENT.key], datetime.now(UTC))
    end_silences(connection)
    deliver(connection, [channel])
    assert channel.subjects() == ["[error] a task failed", "[recovered] a task failed"]


def test_the_command_lists_and_silences(
    connection: psycopg.Connection[Any],
    pipeline: Pipeline,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in pipeline.environment.items():
        monkeypatch.setenv(name, value)
    assert (main(["silence"]), capsys.readouterr().out) == (0, "no incident is open\n")
    open_incident(connection, AN_INCIDENT, [])
    connection.commit()
    [incident] = open_incidents(connection)
    number = str(incident["alert_id"])
    assert main(["silence", number, "--hours", "2", "--reason", "it is ordered", "--by", "ann"]) == 0
    assert main(["silence"]) == 0
    assert "by ann: it is ordered" in capsys.readouterr().out
    assert main(["silence", "99", "--reason", "none"]) == EXIT_NEEDS_ATTENTION
    assert "no incident 99 is open: web-traffic silence lists those that are" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["silence", number])
    assert "--reason: say why it may wait" in capsys.readouterr().err


def test_a_digest_says_what_happened_in_a_week_and_goes_out_once(
    stack: Stack, connection: psycopg.Connection[Any], pipeline: Pipeline
) -> None:
    up(stack, "mail")
    inbox = Inbox(stack.mail_folder)
    mail = Mail(f"smtp://127.0.0.1:{stack.ports.mail}", "a@web-traffic.example", ("b@web-traffic.example",))
    down = Mail("smtp://127.0.0.1:1", "a@web-traffic.example", ("b@web-traffic.example",))
    with pipeline.owner() as owner:
        owner.cursor().executemany(
            "INSERT INTO etl.run (name, status, started_at, read, rejected, future, late, emitted, windows) "
            "VALUES ('run', %s, %s, 1000, 3, 2, 1, 990, 500)",
            [
                ("succeeded", datetime(2026, 3, 23, tzinfo=UTC)),
                ("failed", datetime(2026, 3, 29, 23, 59, tzinfo=UTC)),
                ("succeeded", datetime(2026, 3, 30, tzinfo=UTC)),
            ],
        )
    open_incident(connection, replace(AN_INCIDENT, at=datetime(2026, 3, 25, tzinfo=UTC)), [])
    wednesday = date(2026, 4, 1)
    assert send_digest(connection, [mail], None, wednesday) == []
    assert send_digest(connection, [Recorder()], MONDAY, wednesday) == []
    [error] = send_digest(connection, [down], MONDAY, wednesday)
    assert isinstance(error, ChannelDown)
    for today in (wednesday, date(2026, 4, 5)):
        assert send_digest(connection, [mail], MONDAY, today) == []
    assert inbox.subjects() == ["[digest] web traffic, 2026-03-23 to 2026-03-29"]
    lines = inbox.mails()[0].get_content().replace("\r\n", "\n").splitlines()
    assert lines[2:] == [
        "Runs:         2 that counted, 1 of them failed",
        "Events:       2,000 read, 1,980 in closed windows",
        "Left out:     6 rejected, 4 from the future, 2 late",
        "Rows:         1,000 of a window, host and referrer",
        "Restatements: 0, which changed 0 rows",
        "Quality:      0 warnings and 0 errors in 0 checks",
        "Incidents:    1 began, 1 are open now",
        "  error: a task failed, since 2026-03-25 00:00 UTC",
    ]
