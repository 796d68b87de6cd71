"""The event rules, each by a record that shows it."""

import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from web_traffic.events import RECORDS, Rejected, judge, parse
from web_traffic.precount import count
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
        (record(event_time="2026-03-29T12:00:00\0+05:00"), Reason.TIME_NOT_RFC3339),
        (record(event_time="0001-01-01T00:00:00+23:59"), Reason.TIME_OUT_OF_RANGE),
        (record(event_time="9999-12-31T23:59:59Z"), Reason.TIME_OUT_OF_RANGE),
        (record(event_time="9999-12-31T23:59:59.9999999Z"), Reason.TIME_OUT_OF_RANGE),
        (record(referrer=["r"]), Reason.REFERRER_NOT_TEXT),
        (record(referrer="\0"), Reason.NUL_CHARACTER),
        (record().replace(b"{", b'{"host": 7, '), Reason.HOST_NOT_TEXT),
        (record().replace(b"{", b'{"referrer": 7, '), Reason.REFERRER_NOT_TEXT),
        (record().replace(b"{", b'{"event_time": 7, '), Reason.TIME_NOT_TEXT),
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
        "2026-03-29T12:00:00.000000000000000000000000000001Z",
        "2026-03-29T14:00:00+02:00",
        "2026-03-29T06:30:00.0-05:30",
        "2026-03-29T12:00:00-00:00",
        "2026-03-29T12:00Z",
        "2026-03-29t12:00z",
        "2026-03-29 12:00",
        "2026-03-29T13:00+01:00",
        "2026-03-29T12:00:00+00",
        "2026-03-29 12:00:00.000000+00",
        "2026-03-29T12:00:00-00",
        "2026-03-29T12:00:00+0000",
        "2026-03-29T13:00:00+01",
        "2026-03-29T08:30:00-0330",
        "2026-03-29T07:00-05",
        "2026-03-29T12:00:00,0Z",
        "2026-03-29 12:00:00,000",
        "2026-03-29T14:00:00,000000000+0200",
    ],
)
def test_every_spelling_of_a_time_is_the_same_instant_in_utc(event_time: str) -> None:
    assert parse(record(event_time=event_time)).event_time == NOON
    assert hits(decoded(record(event_time=event_time))) == [("12:00:00", "a.example", "https://r.example/", 1)]


@pytest.mark.parametrize(
    ("written", "microsecond"),
    [
        ("12:04:59.5Z", 500_000),
        ("12:04:59,5Z", 500_000),
        ("12:04:59.1234564Z", 123_456),
        ("12:04:59.1234565Z", 123_456),
        ("12:04:59.123456999", 123_456),
        ("12:04:59.123456999999999999Z", 123_456),
        ("12:04:59.9999995Z", 999_999),
        ("12:04:59.9999999Z", 999_999),
        ("12:04:59,9999999Z", 999_999),
        ("12:04:59.999999999+00:00", 999_999),
        ("12:04:60Z", 999_999),
        ("12:04:60.5Z", 999_999),
        ("12:04:60", 999_999),
        ("14:04:60.999999999+02:00", 999_999),
    ],
)
def test_digits_below_a_microsecond_are_cut_and_a_leap_second_is_the_end_of_its_minute(
    written: str, microsecond: int
) -> None:
    value, at = record(event_time=f"2026-03-29T{written}"), NOON + timedelta(minutes=4, seconds=59)
    assert parse(value).event_time == at.replace(microsecond=microsecond)
    assert [row["event_time"] for row in decoded(value) if row["host"]] == [at.replace(microsecond=microsecond)]


@pytest.mark.parametrize("fraction", ["9999995", "9999999", "999999999", "9999999999"])
def test_a_time_before_1970_is_cut_to_its_own_window_too(fraction: str) -> None:
    (row, _) = decoded(record(event_time=f"1969-12-31T23:59:59.{fraction}Z"))
    assert row["event_time"] == datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def test_an_escaped_digit_is_cut_as_any_other() -> None:
    value = record(event_time="2026-03-29T12:04:59.999999?Z").replace(b"?", b"\\u0039")
    assert [time for time, *_ in hits(decoded(value))] == ["12:04:59"]


@pytest.mark.parametrize(
    "event_time",
    [
        *("", "2026-03-29", "2026-03-29T", "2026-03-29T12", "2026-03-29T12Z", "2026-03-29T12+00", "20260329T120000Z"),
        *("2026-03-29T1200Z", "2026-088T12:00:00Z", "2026-W13-7T12:00:00Z", "26-03-29T12:00:00Z"),
        *("2026-3-29T12:00:00Z", "2026-03-29T1:00:00Z", "2026-03-29T12:0:00Z", "2026-03-29T12:00:0Z"),
        *("+2026-03-29T12:00:00Z", "12026-03-29T12:00:00Z", "-2026-03-29T12:00:00Z", "0000-03-29T12:00:00Z"),
        *("2026-13-01T12:00:00Z", "2026-00-01T12:00:00Z", "2026-03-00T12:00:00Z", "2026-03-32T12:00:00Z"),
        *("2026-02-29T12:00:00Z", "2026-04-31T12:00:00Z", "1900-02-29T12:00:00Z", "2028-02-30T12:00:00Z"),
        *("2026-03-29T24:00:00Z", "2026-03-29T24:00Z", "2026-03-29T12:60:00Z", "2026-03-29T12:60Z"),
        *("2026-03-29T12:00:61Z", "2026-03-29T12:00:.5Z", "2026-03-29T12:00.5Z", "2026-03-29T12:00:Z"),
        *("2026-03-29T12:00:00.Z", "2026-03-29T12:00:00,Z", "2026-03-29T12:00:00.", "2026-03-29T12:00:00.,5Z"),
        *("2026-03-29_12:00:00Z", "2026-03-29  12:00:00Z", "2026-03-29T12.00.00Z", "2026/03/29 12:00:00Z"),
        *(" 2026-03-29T12:00:00Z", "2026-03-29T12:00:00Z ", "2026-03-29T12:00:00Z\n", "2026-03-29T12:00:00 Z"),
        *("2026-03-29T12:00:00 +00:00", "2026-03-29 12:00:00 +0000", "2026-03-29 12:00:00 UTC"),
        *("2026-03-29T12:00:00+", "2026-03-29T12:00:00+0", "2026-03-29T12:00:00+000", "2026-03-29T12:00:00+00:"),
        *("2026-03-29T12:00:00+00:0", "2026-03-29T12:00:00+0:00", "2026-03-29T12:00:00+00:00:00"),
        *("2026-03-29T12:00:00+24:00", "2026-03-29T12:00:00+24", "2026-03-29T12:00:00+12:60", "2026-03-29T12:00:00ZZ"),
        *("2026-03-29T12:00:00\u221201:00", "2026-03-29T12:00:00Z[UTC]", "2026-03-29T14:00+02:00[Europe/Berlin]"),
        *("\u0662\u0660\u0662\u0666-03-29T12:00:00Z", "2026-03-29T12:00:0\u0665Z", "\uff12026-03-29T12:00:00Z"),
        *("1774785600", "1774785600.5", "29/Mar/2026:12:00:00 +0000", "Sun, 29 Mar 2026 12:00:00 GMT"),
        *("2026-03-29T12:00:00\0", "2026-03-29T12:00:00Z+00", "2026-03-29T12:00:00GMT"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_such_time_is_rejected(event_time: str) -> None:
    with pytest.raises(Rejected) as rejected:
        parse(record(event_time=event_time))
    assert rejected.value.reason is Reason.TIME_NOT_RFC3339
    assert [(row["rejected"], row["hits"]) for row in decoded(record(event_time=event_time))] == [(1, 0)]


def test_the_hour_that_a_zone_skips_for_daylight_saving_exists_in_utc() -> None:
    assert hits(decoded(record(event_time="2026-03-29T02:30:00"))) == [
        ("02:30:00", "a.example", "https://r.example/", 1)
    ]


def test_a_missing_referrer_and_a_null_one_are_the_same_and_differ_from_an_empty_one() -> None:
    rows = decoded(record(referrer=...), record(referrer=None), record(referrer=""))
    assert sorted((row["referrer"] is None, row["hits"]) for row in rows if row["host"]) == [(False, 1), (True, 2)]


def test_an_event_ahead_of_its_limit_is_future_and_one_at_the_limit_is_not() -> None:
    at_limit, ahead = record(), record(event_time="2026-03-29T12:00:00.000001Z")
    rows = decoded(at_limit, ahead, b"broken", None, accepted_until=NOON)
    assert hits(rows) == [("12:00:00", "a.example", "https://r.example/", 1)]
    assert rows[-1] == {
        "event_time": None, "host": None, "referrer": None, "hits": 0, "rejected": 2, "future": 1,
        "oldest_kafka_ms": None, "newest_kafka_ms": None,
    }  # fmt: skip


def test_fields_outside_of_the_contract_do_not_matter() -> None:
    assert hits(decoded(record(headers={"x": [1]}, ip=None))) == hits(decoded(record()))


def test_of_duplicate_keys_the_last_one_counts() -> None:
    value = b'{"host": "a", "host": "b", "event_time": "2026-03-29T12:00:00Z"}'
    assert hits(decoded(value)) == [("12:00:00", "b", None, 1)]


def test_of_doubled_times_the_last_one_counts_and_only_that_has_to_be_a_time() -> None:
    value = b'{"host": "a", "event_time": "%s", "event_time": "2026-03-29T12:00%s"}'
    assert hits(decoded(*(value % pair for pair in ((b"x", b":00Z"), (b"", b"Z"), (b"12:00\\u0000", b":00Z"))))) == [
        ("12:00:00", "a", None, 3)
    ]


def test_odd_records_among_plain_ones_keep_their_place() -> None:
    values = [record(event_time=f"2026-03-29T12:0{minute}:00Z", host=f"{minute}") for minute in range(6)]
    values[1:3] = record(event_time="2026-03-29T12:01,"), record(event_time="2026-03-29T12:02:60Z", host="2")
    values[3:5] = None, b"{"
    limits = pa.array([NOON + timedelta(minutes=5)] * 6, RECORDS.field("accepted_until").type)
    judged = judge(pa.record_batch([pa.array(values, pa.binary()), limits], schema=RECORDS))
    times = [f"{time:%M:%S} {host}" for time, host, _ in zip(*judged.events.to_pydict().values(), strict=True)]
    assert times == ["00:00 0", "02:59 2", "05:00 5"]
    assert judged.reasons == {1: Reason.TIME_NOT_RFC3339, 3: Reason.NULL_VALUE, 4: Reason.NOT_JSON}


def test_each_record_that_is_not_counted_has_its_reason_by_its_row() -> None:
    limits = pa.array([NOON] * 4, RECORDS.field("accepted_until").type)
    values = pa.array([record(), b"[]", record(event_time="2026-03-29T12:00:01Z"), None], pa.binary())
    reasons = judge(pa.record_batch([values, limits], schema=RECORDS)).reasons
    assert reasons == {1: Reason.NOT_AN_OBJECT, 2: Reason.FUTURE, 3: Reason.NULL_VALUE}
