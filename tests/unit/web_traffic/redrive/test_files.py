"""The file that a person repairs."""

import json
from pathlib import Path

import pytest

from tests.unit.web_traffic.redrive.test_candidates import GOOD, rejected
from web_traffic.errors import BadFile
from web_traffic.redrive.files import export, read_values
from web_traffic.redrive.ledger import Place


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
        ('{"partition": 0, "offset": 1, "value": "b"}', "line 2: an earlier line is for the same record"),
    ],
)
def test_a_line_that_can_not_be_taken_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "values").write_text('{"partition": 0, "offset": 1, "value": "a"}\n' + line)
    with pytest.raises(BadFile, match=message):
        read_values(tmp_path / "values", "today")
