"""Which rejected events may go back, the file that a person repairs, and what the command line refuses."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from web_traffic.redrive.__main__ import main
from web_traffic.redrive.candidates import Candidate, Report, pages_of, verdict
from web_traffic.redrive.files import BadFile, export, read_values
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
        (None, "null value"),
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


@pytest.mark.parametrize("value", [None, b"", GOOD, b"\xff\x00", "é\u2028\n\r".encode(), b"\x00", b'"\\'])
def test_a_value_comes_out_of_an_exported_file_as_it_went_in(tmp_path: Path, value: bytes | None) -> None:
    assert export(tmp_path / "events.ndjson", [rejected(value), rejected(GOOD, offset=8)]) == 2
    assert read_values(tmp_path / "events.ndjson", "another") == {
        Place("topic-id", 2, 7): value,
        Place("topic-id", 2, 8): GOOD,
    }
    assert [file.name for file in tmp_path.iterdir()] == ["events.ndjson"]


def test_text_is_exported_to_be_read_and_other_bytes_in_base64(tmp_path: Path) -> None:
    export(tmp_path / "events.ndjson", [rejected("{é".encode()), rejected(b"\xff")])
    text, binary = [json.loads(line) for line in (tmp_path / "events.ndjson").read_text().splitlines()]
    assert text == {
        "topic_id": "topic-id",
        "partition": 2,
        "offset": 7,
        "kafka_timestamp": "2026-03-29T12:00:00+00:00",
        "reason": "not JSON",
        "value": "{é",
    }
    assert binary["value_base64"] == "/w=="


def test_an_export_leaves_a_file_that_is_there_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "repaired").write_text("a day's work")
    with pytest.raises(BadFile, match="exists already: name a new file"):
        export(tmp_path / "repaired", [rejected(GOOD)])
    assert (tmp_path / "repaired").read_text() == "a day's work"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_line_without_topic_id_is_of_the_topic_of_today(tmp_path: Path) -> None:
    (tmp_path / "values").write_text('\n{"partition": 0, "offset": 3, "value": "x"}\n\n')
    assert read_values(tmp_path / "values", "today") == {Place("today", 0, 3): b"x"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: Input data was truncated"),
        ('{"offset": 3, "value": ""}', "line 2: Object missing required field `partition`"),
        ('{"partition": 2147483648, "offset": 3, "value": ""}', "line 2: Expected `int` <= 2147483647"),
        ('{"partition": 0, "offset": -1, "value": ""}', "line 2: Expected `int` >= 0"),
        ('{"partition": 0, "offset": 3}', "line 2: give either `value` or `value_base64`"),
        ('{"partition": 0, "offset": 3, "value": "", "value_base64": ""}', "line 2: give either"),
        ('{"partition": 0, "offset": 3, "value_base64": "?"}', "line 2: "),
        ('{"partition": 0, "offset": 1, "value": "b"}', "line 2: the record stands in an earlier line too"),
    ],
)
def test_a_line_that_can_not_be_taken_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "values").write_text('{"partition": 0, "offset": 1, "value": "a"}\n' + line)
    with pytest.raises(BadFile, match=message):
        read_values(tmp_path / "values", "today")


def test_values_are_parted_by_number_and_by_size() -> None:
    values = {Place("t", 0, offset): b"x" * size for offset, size in enumerate([1, 1, 1, 9, 2, 2, 0])}
    pages = pages_of(values, most_events=2, most_bytes=4)
    assert [[len(value or b"") for value in page.values()] for page in pages] == [[1, 1], [1], [9], [2, 2], [0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say which events: --reason, --since, --until or --values"),
        (["--limit", "5"], "say which events"),
        (["--reason", "bad weather"], "invalid choice: 'bad weather'"),
        (["--since", "yesterday"], "'yesterday' is not a time such as"),
        (["--since", "2026-01-01", "--limit", "0"], "'0' is not a positive whole number"),
        (["--values", "f", "--reason", "not JSON"], "--values is a selection by itself"),
        (["--values", "f", "--export", "g"], "--values is a selection by itself"),
        (["--since", "2026-01-01", "--export", "f", "--dry-run"], "not allowed with argument"),
    ],
)
def test_wrong_arguments_are_refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
