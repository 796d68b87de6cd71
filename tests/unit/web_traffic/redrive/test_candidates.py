"""Which rejected events may go back, in which parts, and the report about them."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from web_traffic.redrive.candidates import NOT_KEPT, Candidate, Report, pages_of, verdict
from web_traffic.redrive.ledger import Place, RejectedEvent

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
SKEW = timedelta(minutes=5)
GOOD = b'{"event_time": "2026-03-29T12:00:00Z", "host": "a.example"}'


def rejected(
    value: bytes | None, offset: int = 7, reason: str = "not JSON", *, is_taken: bool = False
) -> RejectedEvent:
    return RejectedEvent("topic-id", 2, offset, reason, NOON, value, NOON, is_taken)


def candidate(value: bytes | None, repaired: bytes | None = None) -> Candidate:
    return Candidate(rejected(value), repaired or value)


def event(time: str) -> bytes:
    return json.dumps({"event_time": time, "host": "a.example"}).encode()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (GOOD, "valid"),
        (b"{", "not JSON"),
        (event("2026-03-29T12:05:00Z"), "valid"),
        (event("2026-03-29T12:05:00.000001Z"), "from the future"),
        (event("2026-03-29T12:05:00"), "valid"),
        (event("2026-03-29T12:05:01"), "from the future"),
        (event("2026-03-29T14:05:00+02:00"), "valid"),
        (event("2026-03-29T14:05:01+02:00"), "from the future"),
    ],
)
def test_an_event_may_go_back_if_it_is_valid_and_its_time_has_come(value: bytes | None, expected: str) -> None:
    assert verdict(candidate(value), NOON, SKEW) == expected


def test_without_a_value_it_stays_and_the_report_tells_what_was_not_kept_from_what_had_none() -> None:
    none, not_kept = (Candidate(rejected(None, reason=reason), None) for reason in ("null value", "not JSON"))
    assert verdict(none, NOON, SKEW) == "null value"
    assert verdict(not_kept, NOON, SKEW) == NOT_KEPT
    assert verdict(not_kept._replace(value=GOOD), NOON, SKEW) == "valid"
    assert verdict(candidate(b"{")._replace(value=None), NOON, SKEW) == "null value"


def test_the_repaired_value_is_judged_and_kept_only_if_it_differs() -> None:
    assert verdict(candidate(b"{", repaired=GOOD), NOON, SKEW) == "valid"
    assert candidate(b"{", repaired=GOOD).repaired_value == GOOD
    assert candidate(GOOD).repaired_value is None


def test_an_event_that_a_redrive_has_taken_does_not_go_back_again() -> None:
    assert verdict(Candidate(rejected(GOOD, is_taken=True), GOOD), NOON, SKEW) == "re-driven before"


def test_the_report_counts_by_the_reason_of_the_rejection_and_says_why_the_others_stay() -> None:
    report = Report()
    for outcome in ("valid", "valid", "not JSON", "host missing", "not JSON", "re-driven before"):
        report.add(candidate(b"{"), outcome)
    report.add(Candidate(rejected(GOOD, reason="from the future"), GOOD), "valid")
    assert list(report.lines("went back")) == [
        "from the future: 1 selected, 1 went back",
        "not JSON: 6 selected, 2 went back; 2 stay: not JSON; 1 stay: host missing; 1 re-driven before",
        "3 of 7 selected events went back.",
    ]


def test_values_are_parted_by_number_and_by_size() -> None:
    values = {Place("t", 0, offset): b"x" * size for offset, size in enumerate([1, 1, 1, 9, 2, 2, 0])}
    pages = pages_of(values, most_events=2, most_bytes=4)
    assert [[len(value or b"") for value in page.values()] for page in pages] == [[1, 1], [1], [9], [2, 2], [0]]
