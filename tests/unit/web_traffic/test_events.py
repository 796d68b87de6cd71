"""The event rules, each by a record that shows it."""

import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from web_traffic.events import RECORDS, Rejected, count, judge, parse
from web_traffic.reasons import Reason

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)


def record(**fields: object) -> bytes:
    """Return an event as JSON; a field given as `...` is left out."""
    event = {"event_time": "2026-03-29T12:00:00Z", "host": "a.example", "referrer": "https://r.example/"} | fields
    return json.dumps({name: value for name, value in event.items() if value is not ...}).encode()


def decoded(*values: bytes | None, accepted_until: datetime = NOON + timedelta(days=1)) -> list[dict]:
    limits = pa.array([accepted_until] * len(values), RECORDS.field("accepted_until").type)
    judged = judge(pa.record_batch([pa.array(values, pa.binary()), limits], schema=RECORDS))
    return [row for batch in count([judged]) for row in batch.to_pylist()]


def hits(rows: list[dict]) -> list[tuple]:
    return sorted(
        (f"{row['event_time']:%H:%M:%S}", row["host"], row["referrer"], row["hits"]) for row in rows if row["host"]
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.NULL_VALUE),
        (b"", Reason.NOT_JSON),
        (b"{'host': 'a'}", Reason.NOT_JSON),
        (record() + b" x", Reason.NOT_JSON),
        (record()[:-5], Reason.NOT_JSON),
        (b"\xef\xbb\xbf" + record(), Reason.NOT_JSON),
        (record().replace(b"a.example", b"\xff.example"), Reason.NOT_JSON),
        (record(host="?").replace(b"?", b"\\ud800"), Reason.NOT_JSON),
        (record(referrer="?").replace(b'"?"', b"NaN"), Reason.NOT_JSON),
        (b"[" * 100_000, Reason.NOT_JSON),
        (b"[]", Reason.NOT_AN_OBJECT),
        (b'"a.example"', Reason.NOT_AN_OBJECT),
        (b"null", Reason.NOT_AN_OBJECT),
        (record(host=...), Reason.NO_HOST),
        (record(host=7), Reason.HOST_NOT_TEXT),
        (record(host=None), Reason.HOST_NOT_TEXT),
        (record(host=""), Reason.HOST_EMPTY),
        (record(host="a\0"), Reason.NUL_CHARACTER),
        (record(event_time=...), Reason.NO_TIME),
        (record(event_time=1774785600), Reason.TIME_NOT_TEXT),
        (record(event_time="yesterday"), Reason.TIME_NOT_RFC3339),
        (record(event_time="2026-02-30T12:00:00Z"), Reason.TIME_NOT_RFC3339),
        (record(event_time="2016-12-31T23:59:60Z"), Reason.TIME_NOT_RFC3339),
        (record(event_time="2026-03-29"), Reason.TIME_NOT_RFC3339),
        (record(event_time="2026-03-29T12:00:00\0+05:00"), Reason.TIME_NOT_RFC3339),
        (record(event_time="0001-01-01T00:00:00+23:59"), Reason.TIME_OUT_OF_RANGE),
        (record(event_time="9999-12-31T23:59:59Z"), Reason.TIME_OUT_OF_RANGE),
        (record(referrer=["r"]), Reason.REFERRER_NOT_TEXT),
        (record(referrer="\0"), Reason.NUL_CHARACTER),
    ],
)
def test_a_record_that_is_no_event_is_rejected_with_its_reason(value: bytes | None, reason: Reason) -> None:
    with pytest.raises(Rejected) as rejected:
        parse(value)
    assert rejected.value.reason is reason
    assert [(row["rejected"], row["hits"]) for row in decoded(value)] == [(1, 0)]


@pytest.mark.parametrize(
    "event_time",
    [
        "2026-03-29T12:00:00Z",
        "2026-03-29 12:00:00Z",
        "2026-03-29T12:00:00",
        "2026-03-29t12:00:00.000000000z",
        "2026-03-29T14:00:00+02:00",
        "2026-03-29T06:30:00.0-05:30",
    ],
)
def test_every_spelling_of_a_time_is_the_same_instant_in_utc(event_time: str) -> None:
    assert hits(decoded(record(event_time=event_time))) == [("12:00:00", "a.example", "https://r.example/", 1)]


def test_the_hour_that_a_zone_skips_for_daylight_saving_exists_in_utc() -> None:
    assert hits(decoded(record(event_time="2026-03-29T02:30:00"))) == [
        ("02:30:00", "a.example", "https://r.example/", 1)
    ]


def test_a_missing_referrer_and_a_null_one_are_the_same_and_differ_from_an_empty_one() -> None:
    rows = decoded(record(referrer=...), record(referrer=None), record(referrer=""))
    assert sorted((row["referrer"] is None, row["hits"]) for row in rows if row["host"]) == [(False, 1), (True, 2)]


def test_events_of_one_key_and_window_become_one_row_with_the_newest_time() -> None:
    times = ("12:00:00", "12:04:59.999999", "12:01:00", "12:05:00")
    rows = decoded(*(record(event_time=f"2026-03-29T{time}Z") for time in times))
    assert [(time, count) for time, _, _, count in hits(rows)] == [("12:04:59", 3), ("12:05:00", 1)]


def test_windows_before_1970_are_whole_too() -> None:
    rows = decoded(record(event_time="1969-12-31T23:59:59Z"), record(event_time="1970-01-01T00:00:00Z"))
    assert [count for *_, count in hits(rows)] == [1, 1]


def test_an_event_ahead_of_its_limit_is_future_and_one_at_the_limit_is_not() -> None:
    at_limit, ahead = record(), record(event_time="2026-03-29T12:00:00.000001Z")
    rows = decoded(at_limit, ahead, b"broken", None, accepted_until=NOON)
    assert hits(rows) == [("12:00:00", "a.example", "https://r.example/", 1)]
    assert rows[-1] == {
        "event_time": None, "host": None, "referrer": None, "hits": 0, "rejected": 2, "future": 1,
        "oldest_kafka_ms": None, "newest_kafka_ms": None,
    }  # fmt: skip


def test_an_empty_batch_counts_nothing() -> None:
    assert [(row["host"], row["hits"], row["rejected"], row["future"]) for row in decoded()] == [(None, 0, 0, 0)]


def test_fields_outside_of_the_contract_do_not_matter() -> None:
    assert hits(decoded(record(headers={"x": [1]}, ip=None))) == hits(decoded(record()))


def test_of_duplicate_keys_the_last_one_counts() -> None:
    value = b'{"host": "a", "host": "b", "event_time": "2026-03-29T12:00:00Z"}'
    assert hits(decoded(value)) == [("12:00:00", "b", None, 1)]


def test_each_record_that_is_not_counted_has_its_reason_by_its_row() -> None:
    limits = pa.array([NOON] * 4, RECORDS.field("accepted_until").type)
    values = pa.array([record(), b"[]", record(event_time="2026-03-29T12:00:01Z"), None], pa.binary())
    reasons = judge(pa.record_batch([values, limits], schema=RECORDS)).reasons
    assert reasons == {1: Reason.NOT_AN_OBJECT, 2: Reason.FUTURE, 3: Reason.NULL_VALUE}
