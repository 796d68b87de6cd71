"""What docs/events.md says of an event is what both readings of the contract make of it."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from web_traffic import events, recount
from web_traffic.reasons import Reason
from web_traffic.recount.rules import microseconds

PAGE = Path(__file__).parents[3] / "docs" / "events.md"
DOOMSDAY = microseconds(datetime(9999, 12, 31, tzinfo=UTC))


def table(heading: str) -> list[list[str]]:
    """The rows of the last table below a heading, without the code's backticks."""
    section = PAGE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [re.split(r" *\| *", line.strip("| ")) for line in section.splitlines() if line.startswith("|")]
    return rows[2:]


TIMES = [(example.strip("`"), outcome) for _, example, outcome in table("Times")]
REASONS = table("Rejected records")


def value(event_time: str) -> bytes:
    return b'{"host": "www.example.com", "event_time": %s}' % event_time.encode()


def reason_of(record: bytes | None) -> Reason:
    with pytest.raises(events.Rejected) as rejected:
        events.parse(record)
    return rejected.value.reason


@pytest.mark.parametrize(("example", "outcome"), [pair for pair in TIMES if not pair[1].startswith("rejected")])
def test_a_producers_time_counts_at_the_time_that_the_page_states(example: str, outcome: str) -> None:
    at = datetime.fromisoformat(outcome).replace(tzinfo=UTC)
    assert events.parse(value(example)).event_time == at
    assert recount.classify(value(example), DOOMSDAY) == recount.Hit(microseconds(at), "www.example.com", None)


@pytest.mark.parametrize(("example", "outcome"), [pair for pair in TIMES if pair[1].startswith("rejected")])
def test_a_producers_time_is_rejected_for_the_reason_that_the_page_states(example: str, outcome: str) -> None:
    assert f"rejected: {reason_of(value(example))}" == outcome
    stated = outcome.removeprefix("rejected: ") if isinstance(json.loads(example), str) else "a field is not a string"
    assert recount.classify(value(example), DOOMSDAY) == recount.Rejected(stated)


def test_the_page_lists_every_reason() -> None:
    assert [reason for reason, _ in REASONS] == list(Reason)


@pytest.mark.parametrize(("reason", "example"), [row for row in REASONS if row[1].startswith("`")])
def test_the_example_of_a_reason_is_rejected_for_it(reason: str, example: str) -> None:
    record = example.strip("`").encode()
    assert reason_of(record) == reason
    assert isinstance(recount.classify(record, DOOMSDAY), recount.Rejected)


def test_the_event_at_the_top_of_the_page_is_counted() -> None:
    (record,) = re.findall(r"```json\n(.*)\n```", PAGE.read_text())
    assert events.parse(record.encode()) == events.Event(
        datetime(2026, 11, 27, 10, 0, 0, 123_000, tzinfo=UTC), "www.example.com", "https://news.example/"
    )
