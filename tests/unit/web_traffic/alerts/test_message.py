"""What a message says, and what it must never say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from web_traffic.alerts import Incident
from web_traffic.alerts.incident import LONGEST_ERROR, first_line
from web_traffic.alerts.message import Story, write

BEGAN = datetime(2026, 3, 29, 1, 2, 3, tzinfo=UTC)
INCIDENT = Incident(
    "web_traffic/aggregate",
    "task aggregate of web_traffic failed",
    "it broke",
    "mend it",
    "run 1 1",
    run_name="run 1",
    links={"Log": "http://127.0.0.1/log"},
    books={"read": 1_200, "late": 0, "emitted": None, "status": "failed"},
    at=BEGAN,
)
STORY = Story(INCIDENT, 1, BEGAN, BEGAN)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        ("it broke\nDETAIL: COPY hits, line 1: private", "it broke"),
        (
            "postgresql://writer:swordfish@db:5432/web_traffic refuses",
            "postgresql://writer:***@db:5432/web_traffic refuses",
        ),
        ("smtps://me:sword@fish@mail refuses", "smtps://me:***@mail refuses"),
        ("PASSWORD=swordfish, then", "PASSWORD=***, then"),
        ("POSTGRES_PASSWORD='sword fish' x", "POSTGRES_PASSWORD=*** x"),
        ('"api_key": "swordfish"', '"api_key": ***'),
        ("bad event {'host': 'private', 'x': {}} here", "bad event {…} here"),
        ("", "str"),
        (ValueError(), "ValueError"),
        ("x" * 1000, "x" * (LONGEST_ERROR - 1) + "…"),
    ],
)
def test_an_error_is_one_line_without_passwords_and_event_contents(error: object, line: str) -> None:
    assert first_line(error) == line


def test_known_passwords_are_left_out_wherever_they_stand() -> None:
    told = replace(INCIDENT, error="login with swordfish failed", title="swordfish").without("swordfish", "")
    assert (told.error, told.title) == ("login with *** failed", "***")


def test_the_first_message_says_what_since_when_and_what_next() -> None:
    message = write("opened", STORY)
    assert message.subject == "[error] task aggregate of web_traffic failed"
    assert message.body.splitlines() == [
        "task aggregate of web_traffic failed",
        "",
        "Error:     it broke",
        "Since:     2026-03-29 01:02:03 UTC",
        "Run:       run 1",
        "Books:     read 1,200, late 0",
        "Next step: mend it",
        "Log:       http://127.0.0.1/log",
        "",
        "Further failures of the same kind are counted, not sent. A message follows when it is over.",
    ]
    assert (message.answers, message.is_good_news) == (None, False)


def test_the_last_message_answers_the_first_one() -> None:
    over = replace(STORY, failures=3, last_at=BEGAN + timedelta(minutes=10), resolved_at=BEGAN + timedelta(hours=1))
    message = write("recovered", over)
    assert message.subject == "[recovered] task aggregate of web_traffic failed"
    assert message.body.splitlines()[2:] == [
        "Since:     2026-03-29 01:02:03 UTC",
        "Over at:   2026-03-29 02:02:03 UTC",
        "Seen last: 2026-03-29 01:12:03 UTC (3 in all)",
        "Error:     it broke",
    ]
    assert (message.answers, message.is_good_news) == (write("opened", STORY).id, True)


def test_the_same_message_has_the_same_id_and_no_other_has() -> None:
    later = replace(STORY, failures=2, last_at=BEGAN + timedelta(minutes=1))
    assert write("opened", STORY).id == write("opened", later).id
    others = [
        write("recovered", STORY),
        write("opened", replace(STORY, first_at=BEGAN + timedelta(microseconds=1))),
        write("opened", replace(STORY, newest=replace(INCIDENT, key="web_traffic/publish"))),
    ]
    assert len({write("opened", STORY).id, *(message.id for message in others)}) == 4
