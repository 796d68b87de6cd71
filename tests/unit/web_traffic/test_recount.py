"""The recount's own rules, its watermark, and what it says when numbers are wrong."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from web_traffic import events
from web_traffic.recount import Future, Hit, Recount, Rejected, classify
from web_traffic.recount.counting import Batch, Expected, Record, expect, tally
from web_traffic.recount.report import compare
from web_traffic.recount.rules import microseconds
from web_traffic.recount.sources import offset_ranges
from web_traffic.traffic import Traffic

DOOMSDAY = microseconds(datetime(9999, 12, 31, tzinfo=UTC))
SKEW = 300_000_000


def at(clock: str) -> int:
    return microseconds(datetime.fromisoformat(f"2026-01-01T{clock}+00:00"))


def judge(value: bytes | None) -> Hit | Rejected | Future:
    return classify(value, DOOMSDAY)


def event(clock: str, host: str = "a.example", referrer: str | None = None) -> bytes:
    return json.dumps({"host": host, "referrer": referrer, "event_time": f"2026-01-01T{clock}Z"}).encode()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-01-01T12:04:59Z", "12:04:59"),
        ("2026-01-01t12:04:59z", "12:04:59"),
        ("2026-01-01 12:04:59", "12:04:59"),
        ("2026-01-01T14:04:59+02:00", "12:04:59"),
        ("2026-01-01T07:04:59-0500", "12:04:59"),
        ("2026-01-01T12:04:59-00:00", "12:04:59"),
        ("2026-01-01T12:04:59.5Z", "12:04:59.500000"),
        ("2026-01-01T12:04:59.1234564Z", "12:04:59.123456"),
        ("2026-01-01T12:04:59.1234565Z", "12:04:59.123457"),
        ("2026-01-01T12:04:59.9999999Z", "12:05:00"),
    ],
)
def test_times_are_read_as_utc_to_the_microsecond(written: str, meant: str) -> None:
    value = f'{{"host":"a.example","event_time":"{written}"}}'.encode()
    assert judge(value) == Hit(at(meant), "a.example", None)


@pytest.mark.parametrize(
    ("value", "referrer"),
    [
        (b'{"host":"a","event_time":"2026-01-01T12:00:00Z"}', None),
        (b'{"host":"a","referrer":null,"event_time":"2026-01-01T12:00:00Z"}', None),
        (b'{"host":"a","referrer":"","event_time":"2026-01-01T12:00:00Z"}', ""),
        (b'{"host":"a","referrer":"x","referrer":"y","event_time":"2026-01-01T12:00:00Z"}', "y"),
        (b' {"ho\\u0073t":"a","referrer":"\\ud83d\\ude00","event_time":"2026-01-01T12:00:00Z"}\r\n', "\U0001f600"),
        (b'{"ip":"\xff","host":"a","event_time":"2026-01-01T12:00:00Z"}', None),
        (b'{"ip":' + b"9" * 5000 + b',"host":"a","event_time":"2026-01-01T12:00:00Z"}', None),
        (b'{"ip":"\\\\ud800","host":"a","event_time":"2026-01-01T12:00:00Z"}', None),
    ],
)
def test_what_is_counted(value: bytes, referrer: str | None) -> None:
    assert judge(value) == Hit(at("12:00:00"), "a", referrer)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "null value"),
        (b"", "not JSON"),
        (b'{"host":"a","event_time":"2026-01-01T12:00:00Z"', "not JSON"),
        (b'{"host":"a","event_time":"2026-01-01T12:00:00Z"} x', "not JSON"),
        (b"{'host':'a','event_time':'2026-01-01T12:00:00Z'}", "not JSON"),
        (b'\xef\xbb\xbf{"host":"a","event_time":"2026-01-01T12:00:00Z"}', "not JSON"),
        (b'{"x":NaN,"host":"a","event_time":"2026-01-01T12:00:00Z"}', "not JSON"),
        (b'{"x":-Infinity,"host":"a","event_time":"2026-01-01T12:00:00Z"}', "not JSON"),
        (b'{"x":01,"host":"a","event_time":"2026-01-01T12:00:00Z"}', "not JSON"),
        (b'{"x":"\\q","host":"a","event_time":"2026-01-01T12:00:00Z"}', "not JSON"),
        (b'{"x":"\x01","host":"a","event_time":"2026-01-01T12:00:00Z"}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"x":"\\ud800","host":"a","event_time":"2026-01-01T12:00:00Z"}', "half a surrogate pair"),
        (b'{"x":"\\\\\\ud800","host":"a","event_time":"2026-01-01T12:00:00Z"}', "half a surrogate pair"),
        (b'["host"]', "not an object"),
        (b"null", "not an object"),
        (b'{"event_time":"2026-01-01T12:00:00Z"}', "host or event_time missing"),
        (b'{"host":"a"}', "host or event_time missing"),
        (b'{"x":{"host":"a"},"event_time":"2026-01-01T12:00:00Z"}', "host or event_time missing"),
        (b'{"host":null,"event_time":"2026-01-01T12:00:00Z"}', "a field is not a string"),
        (b'{"host":1,"host":"a","event_time":"2026-01-01T12:00:00Z"}', "a field is not a string"),
        (b'{"host":"a","referrer":[],"event_time":"2026-01-01T12:00:00Z"}', "a field is not a string"),
        (b'{"host":"a","event_time":1767268800}', "a field is not a string"),
        (b'{"host":"caf\xe9","event_time":"2026-01-01T12:00:00Z"}', "a field is not UTF-8"),
        (b'{"host":"a","referrer":"\xed\xa0\x80","event_time":"2026-01-01T12:00:00Z"}', "a field is not UTF-8"),
        (b'{"host":"","event_time":"2026-01-01T12:00:00Z"}', "host empty"),
        (b'{"host":"a\\u0000","event_time":"2026-01-01T12:00:00Z"}', "NUL character"),
        (b'{"host":"a","referrer":"\\u0000","event_time":"2026-01-01T12:00:00Z"}', "NUL character"),
        (b'{"host":"a","event_time":"2026-01-01"}', "event_time not RFC 3339"),
        (b'{"host":"a","event_time":"2026-01-01T12:00Z"}', "event_time not RFC 3339"),
        (b'{"host":"a","event_time":"2026-01-01T12:00:60Z"}', "event_time not RFC 3339"),
        (b'{"host":"a","event_time":"2026-01-01T24:00:00Z"}', "event_time not RFC 3339"),
        (b'{"host":"a","event_time":"2026-02-30T12:00:00Z"}', "event_time not RFC 3339"),
        (b'{"host":"a","event_time":"2026-01-01T12:00:00."}', "event_time not RFC 3339"),
        (b'{"host":"a","event_time":"2026-01-01T12:00:00+24:00"}', "event_time not RFC 3339"),
        (b'{"host":"a","event_time":"2026-01-01T12:00:00+02"}', "event_time not RFC 3339"),
        (b'{"host":"a","event_time":"2026-01-01T12:00:00Z "}', "event_time not RFC 3339"),
        (b'{"host":"a","event_time":"9999-01-01T12:00:00Z"}', "event_time not within the years 2 to 9998"),
    ],
)
def test_what_is_rejected(value: bytes | None, reason: str) -> None:
    assert judge(value) == Rejected(reason)


def test_an_event_is_from_the_future_only_after_the_moment_that_is_accepted() -> None:
    assert classify(event("12:05:00"), at("12:05:00")) == Hit(at("12:05:00"), "a.example", None)
    assert classify(event("12:05:00.000001"), at("12:05:00")) == Future(at("12:05:00.000001"))


# Both readings of the contract, `events` and `recount`, must judge any bytes alike.

PIECES = [b"a", b'"', b"\\", b"\\\\", b"\\/", b"\\n", b"\\q", b"\\u12", b"\\u0000", b"\\u00e9", b"\xc3\xa9", b"\xff"]
PIECES += [b"\\ud83d", b"\\ude00", b"\\uD83D\\uDE00", b"ud800", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\0", b"\x1f"]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=4).map(lambda pieces: b'"%s"' % b"".join(pieces))
TIMES = st.one_of(
    st.just(b'"2026-01-01T12:00:00Z"'),
    st.from_regex(
        rb'"(20\d\d|0001|999[89])-[01]\d-[0-3]\d[Tt _]([01]\d|2[0-4]):[0-6]\d:[0-6]\d(\.\d{0,10})?'
        rb'([Zz]|[+-][0-2]\d:?[0-6]\d)?"',
        fullmatch=True,
    ),
)
NUMBERS = st.sampled_from(
    [b"0", b"-0", b"01", b"1.", b"1.5", b"1e5", b"1e", b"-", b"+1", b"NaN", b"-Infinity", b"1_0"]
)
LITERALS = st.sampled_from([b"null", b"true", b"false", b"nul", b"None"])
VALUES = st.recursive(
    TEXTS | NUMBERS | LITERALS,
    lambda values: (
        st.lists(values, max_size=2).map(lambda items: b"[%s]" % b",".join(items))
        | st.lists(st.tuples(TEXTS, values), max_size=2).map(
            lambda pairs: b"{%s}" % b",".join(map(b"%s:%s".__mod__, pairs))
        )
    ),
    max_leaves=3,
)
MEMBERS = st.one_of(
    st.tuples(st.sampled_from([b'"host"', b'"ho\\u0073t"']), st.just(b'"a.example"') | VALUES),
    st.tuples(st.just(b'"event_time"'), TIMES | TIMES | VALUES),
    st.tuples(st.just(b'"referrer"'), TEXTS | LITERALS | VALUES),
    st.tuples(TEXTS, VALUES),
).map(b"%s:%s".__mod__)


@st.composite
def json_like(draw: st.DrawFn) -> bytes:
    """An object with the needed members and odd ones, now and then with a byte changed."""
    members = [b'"host":"a.example"', b'"event_time":' + draw(TIMES), *draw(st.lists(MEMBERS, max_size=3))]
    value = b"{%s}" % b",".join(draw(st.permutations(members)))
    if draw(st.integers(0, 4)):
        return value
    place = draw(st.integers(0, len(value) - 1))
    return value[:place] + draw(st.binary(max_size=1)) + value[place + draw(st.integers(0, 1)) :]


@settings(max_examples=1500, deadline=None)
@given(json_like() | st.binary(max_size=12))
@example(b'{"host":"a","event_time":"0001-01-01T00:00:00Z","event_time":"2026-01-01T12:00:00Z"}')
@example(b'{"host":"a","event_time":"9998-12-31T23:59:59.9999999Z"}')
@example(b'{"host":"a","event_time":"0002-01-01T00:00:00+23:59"}')
def test_both_readings_of_the_contract_agree_on_any_bytes(value: bytes) -> None:
    assert judge_by_events(value) == (verdict if isinstance(verdict := judge(value), Hit) else None)


@pytest.mark.parametrize("damaged", [0.003, 1.0])
def test_both_readings_of_the_contract_agree_on_traffic(damaged: float) -> None:
    start = datetime(2026, 1, 1, 12, tzinfo=UTC)
    traffic = Traffic(5, malformed=damaged, late=0, future=0)
    for sent in traffic.events(start, start + timedelta(hours=1), 5_000):
        verdict = judge(sent.value)
        assert judge_by_events(sent.value) == (verdict if isinstance(verdict, Hit) else None)


def test_both_readings_of_the_contract_agree_on_the_last_moment_that_is_not_from_the_future() -> None:
    times, until = ["12:05:00", "12:05:00.000001"], datetime(2026, 1, 1, 12, 5, tzinfo=UTC)
    records = pa.RecordBatch.from_arrays(
        [[event(clock) for clock in times], pa.array([until] * 2, pa.timestamp("us", "UTC"))], schema=events.RECORDS
    )
    counts = events.decode(records)
    assert sum(counts["hits"].to_pylist()) == 1
    assert sum(counts["future"].to_pylist()) == 1
    assert [type(classify(event(clock), microseconds(until))) for clock in times] == [Hit, Future]


def judge_by_events(value: bytes | None) -> Hit | None:
    try:
        parsed = events.parse(value)
    except events.Rejected:
        return None
    at_utc = parsed.event_time if parsed.event_time.tzinfo else parsed.event_time.replace(tzinfo=UTC)
    return Hit(microseconds(at_utc), parsed.host, parsed.referrer)


# Counting. A stream is a list of batches, a batch a list of clock times of events on 2026-01-01; they lie one after
# another in partition 0.


def processed(*batches: list[str], query: str = "q", first_offset: int = 0) -> tuple[list[Batch], list[Record]]:
    """Ledger and records of a query whose ledger is right about the watermark."""
    ledger: list[Batch] = []
    records: list[Record] = []
    newest, offset = 0, first_offset
    for number, clocks in enumerate(batches):
        watermark = max(0, newest // 1000 * 1000 - 60_000_000) or None
        end = offset + len(clocks)
        ledger.append(Batch(query, number, {0: offset}, {0: end}, watermark, committed_us=at("23:00:00")))
        for clock in clocks:
            records.append(Record(0, offset, at(clock) // 1000, event(clock)))
            offset += 1
            newest = max(newest, at(clock))
    return ledger, records


def outcome(ledger: list[Batch], records: list[Record]) -> Expected:
    return expect(ledger, tally(records, ledger, SKEW))


def starts(expected: Expected) -> dict[str, int]:
    """Hits of the closed windows by the clock time of their start."""
    return {
        datetime.fromtimestamp(window_us / 1e6, UTC).strftime("%H:%M"): hits
        for (window_us, _, _), hits in expected.windows.items()
    }


def test_hits_either_side_of_a_boundary_fall_in_two_windows() -> None:
    expected = outcome(*processed(["12:04:59.999", "12:05:00", "12:20:00"], []))
    assert starts(expected) == {"12:00": 1, "12:05": 1}
    assert expected.open_hits == 1


@pytest.mark.parametrize(("newest", "closed"), [("12:06:00", 1), ("12:05:59.999999", 0)])
def test_a_window_closes_when_the_newest_event_of_earlier_batches_is_a_minute_past_its_end(
    newest: str, closed: int
) -> None:
    assert outcome(*processed(["12:04:00", newest], [])).windows.total() == closed


def test_a_batch_does_not_move_its_own_watermark() -> None:
    expected = outcome(*processed(["12:04:00", "12:59:00"]))
    assert expected.sealed_until_us is None
    assert expected.open_hits == 2


def test_an_event_is_late_when_the_batch_before_has_emitted_its_window() -> None:
    expected = outcome(*processed(["12:00:00", "12:10:00"], [], ["12:01:00"]))
    assert starts(expected) == {"12:00": 1}
    assert expected.late == 1


def test_an_event_is_not_late_when_its_own_batch_is_the_one_that_emits_its_window() -> None:
    expected = outcome(*processed(["12:00:00", "12:10:00"], ["12:01:00"]))
    assert starts(expected) == {"12:00": 2}
    assert expected.late == 0


def test_events_from_before_1970_are_always_late() -> None:
    ledger = [Batch("q", 0, {0: 0}, {0: 1}, None, at("23:00:00"))]
    value = b'{"host":"a","event_time":"1960-01-01T00:00:00Z"}'
    assert outcome(ledger, [Record(0, 0, at("12:00:00") // 1000, value)]).late == 1


def test_records_outside_of_the_batches_are_not_counted() -> None:
    ledger, records = processed(["12:00:00"], ["12:01:00"], first_offset=7)
    records = [Record(0, 6, 0, b""), *records, Record(0, 9, 0, b""), Record(1, 7, 0, b"")]
    assert outcome(ledger, records).read == 2


def test_what_is_rejected_or_from_the_future_does_not_move_the_watermark() -> None:
    noon_ms = at("12:00:00") // 1000
    records = [
        Record(0, 0, noon_ms, event("12:00:00")),
        Record(0, 1, noon_ms, event("13:00:00")),
        Record(0, 2, noon_ms, None),
    ]
    ledger = [
        Batch("q", 0, {0: 0}, {0: 3}, None, at("23:00:00")),
        Batch("q", 1, {0: 3}, {0: 3}, at("11:59:00"), at("23:00:00")),
    ]
    expected = outcome(ledger, records)
    assert (expected.rejected, expected.future, expected.open_hits) == (1, 1, 1)
    assert expected.disagreements == []


def test_the_clock_of_the_batch_counts_when_the_producers_clock_is_ahead() -> None:
    ledger = [Batch("q", 0, {0: 0}, {0: 1}, None, committed_us=at("12:00:00"))]
    assert outcome(ledger, [Record(0, 0, at("13:00:00") // 1000, event("13:00:00"))]).future == 1


def test_a_rebuilt_checkpoint_counts_open_windows_again_and_supersedes_sealed_ones() -> None:
    old_ledger, records = processed(["12:00:00", "12:10:00"], [], query="old")
    new_ledger, more = processed(["12:00:00", "12:10:00"], ["12:20:00"], [], query="new")
    expected = outcome(old_ledger + new_ledger, more)
    assert starts(expected) == {"12:00": 1, "12:10": 1}
    assert expected.superseded == 1
    assert len(records) + len(more) == expected.read == 5


def test_every_record_is_accounted_for() -> None:
    start = datetime(2026, 1, 1, 12, tzinfo=UTC)
    sent = list(Traffic(3, malformed=0.05, late=0.05, future=0.05).events(start, start + timedelta(hours=1), 4_000))
    records = [Record(0, offset, event.timestamp_ms, event.value) for offset, event in enumerate(sent)]
    ledger = [
        Batch("q", number, {0: 1000 * number}, {0: 1000 * number + 1000}, None, at("23:00:00")) for number in range(4)
    ]
    expected = outcome([*ledger, Batch("q", 4, {0: 4000}, {0: 4000}, None, at("23:00:00"))], records)
    counted = expected.rejected + expected.future + expected.late + expected.windows.total() + expected.open_hits
    assert counted == expected.read == 4_000
    assert expected.late > 0


def test_the_ledger_is_told_where_it_is_wrong() -> None:
    ledger = [
        Batch("q", 0, {0: 0}, {0: 1}, None, at("23:00:00"), read=2, rejected=0, future=0),
        Batch("q", 1, {0: 1}, {0: 1}, at("12:00:00"), at("23:00:00")),
    ]
    assert outcome(ledger, [Record(0, 0, at("12:10:00") // 1000, event("12:10:00"))]).disagreements == [
        "batch 0 of query q: read 2 in the ledger, 1 in the topic",
        f"batch 1 of query q: watermark {at('12:00:00')} in the ledger, {at('12:09:00')} by the events (µs)",
    ]


def test_offset_ranges_span_all_batches_and_begin_at_zero_where_a_start_is_not_known() -> None:
    ledger = [Batch("q", 0, {0: 5}, {0: 9}, None, 0), Batch("q", 1, {0: 9}, {0: 12, 1: 3}, None, 0)]
    assert offset_ranges(ledger) == {0: (5, 12), 1: (0, 3)}


# What is said in the end.


def noon(host: str) -> tuple[int, str, str | None]:
    return at("12:00:00"), host, None


def compared(expected: dict[str, int], found: dict[str, int]) -> Recount:
    return compare(
        Expected(windows=Counter({noon(host): hits for host, hits in expected.items()})),
        Counter({noon(host): hits for host, hits in found.items()}),
        sealed_until_us=None,
    )


def test_equal_numbers_are_right() -> None:
    outcome = compared({"a": 1, "b": 2}, {"a": 1, "b": 2})
    assert outcome.is_right
    assert str(outcome).endswith("RIGHT: all 2 closed windows are in the table, with exactly their hits.")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            {},
            "1 of 1 windows missing from the table, such as\n  2026-01-01T12:00:00+00:00 a from None: 0 in the table",
        ),
        (
            {"a": 2, "b": 1},
            "1 of 2 windows in the table, but not in the events, such as\n  2026-01-01T12:00:00+00:00 b",
        ),
        (
            {"a": 3},
            "1 of 1 windows with another number of hits, such as\n  2026-01-01T12:00:00+00:00 a from None: 3 in",
        ),
    ],
)
def test_each_way_of_being_wrong_is_told(found: dict[str, int], said: str) -> None:
    outcome = compared({"a": 2}, found)
    assert not outcome.is_right
    assert f"WRONG: {said}" in str(outcome)


def test_another_high_water_mark_is_wrong() -> None:
    outcome = compare(Expected(sealed_until_us=1), Counter(), sealed_until_us=2)
    assert outcome.ledger_errors == ["sealed_until 2 in etl.pipeline, 1 by the events (µs)"]


def test_only_a_few_samples_are_kept() -> None:
    outcome = compared({str(number): 1 for number in range(50)}, {})
    assert outcome.missing.count == 50
    assert len(outcome.missing.samples) == 5
