"""The event contract: which Kafka records are web-traffic events, and why the others are not.

Pure functions over bytes and Arrow batches; no Spark. The live run, restatements and re-driven events all decode
here, so an event is judged the same way whoever asks.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from web_traffic import event_times
from web_traffic.reasons import Reason

RECORDS = pa.schema([("value", pa.binary()), ("accepted_until", event_times.MICROSECONDS)])
"""Input of `judge`: the Kafka value, and the latest event time that is not from the future."""

EVENTS = pa.schema([("event_time", event_times.MICROSECONDS), ("host", pa.string()), ("referrer", pa.string())])
"""Output of `parse_all`, a row for each value."""

KEYS = tuple(EVENTS.names[1:])
"""The columns that hits are counted by, besides the window."""


class Event(NamedTuple):
    """A web-traffic event, as far as it is counted; other fields of the JSON object are skipped."""

    event_time: datetime
    """In UTC, to the microsecond."""
    host: str
    referrer: str | None


class Rejected(ValueError):
    """A record that is not an event of the contract."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class _Fields(msgspec.Struct, gc=False):
    event_time: str
    host: str
    referrer: str | None = None


_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_decode = msgspec.json.Decoder(_Fields).decode
_decode_any = msgspec.json.Decoder().decode
_decode_host = msgspec.json.Decoder(msgspec.defstruct("Host", [("host", str)])).decode
_decode_time = msgspec.json.Decoder(msgspec.defstruct("Time", [("event_time", str)])).decode
_NO_FIELDS = _Fields("", "")
_FIRST_YEAR, _LAST_YEAR = 2, 9998


def parse(value: bytes | None) -> Event:
    """Decode one Kafka value; raises `Rejected` with the reason.

    Strict JSON (RFC 8259), strict types, the times of `event_times`: nothing is repaired or guessed.
    """
    if value is None:
        raise Rejected(Reason.NULL_VALUE)
    try:
        fields = _decode(value)
    except _UNDECODABLE:
        raise Rejected(_reason(value)) from None
    return _event(fields)


def parse_all(values: pa.Array) -> tuple[pa.Table, dict[int, Reason]]:
    """Parse a column of Kafka values: a row of `EVENTS` for each, and the reason of each rejected one by its row.

    The result is the same as from `parse` for each value, in less time: only unusual values take the slow way. A
    rejected row has no `event_time`.
    """
    fields, reasons = _decode_all(values)
    times = event_times.read_all(pa.array([each.event_time for each in fields], pa.string()))
    hosts = pa.array([each.host for each in fields], pa.string())
    referrers = pa.array([each.referrer for each in fields], pa.string())
    is_odd = pc.or_(pc.is_null(times), pc.or_(pc.equal(hosts, ""), pc.or_(_has_nul(hosts), _has_nul(referrers))))
    odd_times: dict[int, datetime] = {}
    for row in pc.indices_nonzero(is_odd).to_pylist():
        try:
            if row not in reasons:
                odd_times[row] = _event(fields[row]).event_time
        except Rejected as rejected:
            reasons[row] = rejected.reason
    if odd_times or reasons:
        found = pa.array([odd_times.get(row) for row in range(len(fields))], times.type)
        times = pc.if_else(is_odd, found, times)
    return pa.table([times, hosts, referrers], EVENTS), reasons


def _decode_all(values: pa.Array) -> tuple[list[_Fields], dict[int, Reason]]:
    """Decode all values. One that does not decode becomes `_NO_FIELDS` and has a reason, by its row."""
    fields: list[_Fields] = []
    reasons: dict[int, Reason] = {}
    texts = values.to_pylist()
    left = iter(texts)
    while len(fields) < len(texts):
        try:
            fields.extend(map(_decode, left))  # stops at a value that does not decode, and keeps those before it
        except (*_UNDECODABLE, TypeError):
            text = texts[len(fields)]
            reasons[len(fields)] = Reason.NULL_VALUE if text is None else _reason(text)
            fields.append(_NO_FIELDS)
    return fields, reasons


def _event(fields: _Fields) -> Event:
    event_time = event_times.read(fields.event_time)
    if event_time is None:
        raise Rejected(Reason.TIME_NOT_RFC3339)
    if not _FIRST_YEAR <= event_time.year <= _LAST_YEAR:
        raise Rejected(Reason.TIME_OUT_OF_RANGE)
    if not fields.host:
        raise Rejected(Reason.HOST_EMPTY)
    if "\0" in fields.host or (fields.referrer is not None and "\0" in fields.referrer):
        raise Rejected(Reason.NUL_CHARACTER)
    return Event(event_time.astimezone(UTC), fields.host, fields.referrer)


def _has_nul(texts: pa.StringArray) -> pa.BooleanArray:
    return pc.match_substring(texts, "\0").fill_null(False)


def _reason(value: bytes) -> Reason:
    """Say what is wrong with a value that does not decode; off the fast path."""
    try:
        fields = _decode_any(value)
    except _UNDECODABLE:
        return Reason.NOT_JSON
    if not isinstance(fields, dict):
        return Reason.NOT_AN_OBJECT
    if "host" not in fields:
        return Reason.NO_HOST
    if not _decodes(_decode_host, value):
        return Reason.HOST_NOT_TEXT
    if "event_time" not in fields:
        return Reason.NO_TIME
    return Reason.REFERRER_NOT_TEXT if _decodes(_decode_time, value) else Reason.TIME_NOT_TEXT


def _decodes(decode: Callable[[bytes], object], value: bytes) -> bool:
    try:
        decode(value)
    except _UNDECODABLE:
        return False
    return True


class Judged(NamedTuple):
    """The verdict on a batch of records."""

    events: pa.Table
    """Those that are counted: event_time, host, referrer."""
    reasons: dict[int, Reason]
    """Why a record is not counted, by its row in the batch."""


def judge(records: pa.RecordBatch, accepted_from: pa.Array | None = None) -> Judged:
    """Judge a batch that has the columns of `RECORDS`.

    If `accepted_from` is given, it holds the earliest event time at which each record is not too late; earlier events
    are left out.
    """
    events, reasons = parse_all(records["value"])
    is_future = pc.greater(events["event_time"], records["accepted_until"])  # null for what is rejected
    future = dict.fromkeys(pc.indices_nonzero(is_future).to_pylist(), Reason.FUTURE)
    is_counted = pc.invert(is_future)
    if accepted_from is not None:
        is_counted = pc.and_(is_counted, pc.greater_equal(events["event_time"], accepted_from))
    return Judged(events.filter(is_counted), reasons | future)
