"""The recount's own rules for what an event is, and that they agree with those of the pipeline."""

import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simulator import Traffic
from web_traffic import events, precount
from web_traffic.reasons import Reason
from web_traffic.recount import Future, Hit, Rejected, classify
from web_traffic.recount.rules import microseconds

DOOMSDAY = microseconds(datetime(9999, 12, 31, tzinfo=UTC))


def at(clock: str) -> int:
    return microseconds(datetime.fromisoformat(f"2026-01-01T{clock}+00:00"))


def judge(value: bytes | None) -> Hit | Rejected | Future:
    return classify(value, DOOMSDAY)


def event(clock: str) -> bytes:
    return json.dumps({"host": "a.example", "referrer": None, "event_time": f"2026-01-01T{clock}Z"}).encode()


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
        ("2026-01-01T12:04:59.1234565Z", "12:04:59.123456"),
        ("2026-01-01T12:04:59.9999995Z", "12:04:59.999999"),
        ("2026-01-01T12:04:59.9999999Z", "12:04:59.999999"),
        ("2026-01-01T12:04:59." + "9" * 30, "12:04:59.999999"),
        ("2026-01-01T12:04:59,5Z", "12:04:59.500000"),
        ("2026-01-01T12:04Z", "12:04:00"),
        ("2026-01-01 12:04", "12:04:00"),
        ("2026-01-01T13:04+01:00", "12:04:00"),
        ("2026-01-01T12:04:59+00", "12:04:59"),
        ("2026-01-01T12:04:59+0000", "12:04:59"),
        ("2026-01-01T13:04:59+01", "12:04:59"),
        ("2026-01-01T08:34:59-0330", "12:04:59"),
        ("2026-01-01T12:04:60Z", "12:04:59.999999"),
        ("2026-01-01T12:04:60.0Z", "12:04:59.999999"),
        ("2026-01-02T00:04:60+12", "12:04:59.999999"),
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
        (b'{"event_time":"x","host":"a","event_time":"2026-01-01T12:00:00Z"}', None),
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
        (b'{"host":"a","event_time":"2026-01-01T12Z"}', "event_time not RFC 3339"),
        (b'{"host":"a","event_time":"2026-01-01T12:00.5Z"}', "event_time not RFC 3339"),
        (b'{"host":"a","event_time":"2026-01-01T12:00:61Z"}', "event_time not RFC 3339"),
        (b'{"host":"a","event_time":"2026-01-01T24:00:00Z"}', "event_time not RFC 3339"),
        (b'{"host":"a","event_time":"2026-02-30T12:00:00Z"}', "event_time not RFC 3339"),
        (b'{"host":"a","event_time":"2026-01-01T12:00:00."}', "event_time not RFC 3339"),
        (b'{"host":"a","event_time":"2026-01-01T12:00:00+24:00"}', "event_time not RFC 3339"),
        (b'{"host":"a","event_time":"2026-01-01T12:00:00+12:60"}', "event_time not RFC 3339"),
        (b'{"host":"a","event_time":"2026-01-01T12:00:00+2"}', "event_time not RFC 3339"),
        (b'{"host":"a","event_time":"2026-01-01T12:00:00+02:"}', "event_time not RFC 3339"),
        (b'{"host":"a","event_time":"2026-01-01T12:00:00,"}', "event_time not RFC 3339"),
        (b'{"host":"a","event_time":"2026-01-01T12:00:00+01:00[Europe/Paris]"}', "event_time not RFC 3339"),
        (b'{"host":"a","event_time":"2026-01-01T12:00:00Z "}', "event_time not RFC 3339"),
        (b'{"host":"a","event_time":"9999-01-01T12:00:00Z"}', "event_time not within the years 2 to 9998"),
        (b'{"host":"a","event_time":"9999-12-31T23:59:59.9999999Z"}', "event_time not within the years 2 to 9998"),
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
        rb'"(20\d\d|0001|1[679]\d\d|2[0-3]00|999[89])-[01]\d-[0-3]\d[Tt _]([01]\d|2[0-4]):[0-6]\d'
        rb'(:[0-6]\d([.,](\d{0,12}|999999\d{0,4}))?)?([Zz]|[+-][0-2]\d(:?[0-6]\d)?)?"',
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


@settings(max_examples=500, deadline=None)
@given(st.lists(st.none() | st.just(event("12:00:00")) | json_like() | st.binary(max_size=12), max_size=6))
@example([event("12:00:00"), b'{"host":"","event_time":"2026-01-01T12:00:00Z"}'])
@example([event("12:00:00"), b'{"host":"a","event_time":"9999-01-01T12:00:00Z"}'])
@example([event("12:00:00"), b'{"host":"a","event_time":"2026-01-01T12:00:00\\u0000Z"}'])
def test_values_that_are_parsed_together_come_out_as_one_by_one(values: list[bytes | None]) -> None:
    parsed, reasons = events.parse_all(pa.array(values, pa.binary()))
    rows = zip(*parsed.to_pydict().values(), strict=True)
    together = [reasons.get(number) or events.Event(*row) for number, row in enumerate(rows)]
    assert together == [parse_one(value) for value in values]
    assert parsed["event_time"].is_null().to_pylist() == [number in reasons for number in range(len(values))]


def parse_one(value: bytes | None) -> events.Event | Reason:
    try:
        return events.parse(value)
    except events.Rejected as rejected:
        return rejected.reason


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
    (counts,) = precount.count([events.judge(records)])
    assert sum(counts["hits"].to_pylist()) == 1
    assert sum(counts["future"].to_pylist()) == 1
    assert [type(classify(event(clock), microseconds(until))) for clock in times] == [Hit, Future]


def judge_by_events(value: bytes | None) -> Hit | None:
    try:
        parsed = events.parse(value)
    except events.Rejected:
        return None
    return Hit(microseconds(parsed.event_time), parsed.host, parsed.referrer)
