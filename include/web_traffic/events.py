"""The event contract: which Kafka records are web-traffic events, and why the others are not.

Pure functions over bytes and Arrow batches; no Spark. The live run, restatements and re-driven events all decode
here, so an event is judged the same way whoever asks.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from web_traffic.reasons import Reason
from web_traffic.settings import WINDOW

WINDOW_MINUTES = WINDOW // timedelta(minutes=1)

RECORDS = pa.schema([("value", pa.binary()), ("accepted_until", pa.timestamp("us", "UTC"))])
"""Input of `decode`: the Kafka value, and the latest event time that is not from the future."""

COUNTS = pa.schema(
    [
        ("event_time", pa.timestamp("us", "UTC")),
        ("host", pa.string()),
        ("referrer", pa.string()),
        ("hits", pa.int64()),
        ("rejected", pa.int64()),
        ("future", pa.int64()),
    ]
)
"""Output of `decode`: hits with their key, and one row without a key that holds `rejected` and `future`."""


class Event(msgspec.Struct, gc=False):
    """A web-traffic event, as far as it is counted; other fields of the JSON object are skipped.

    `event_time` without an offset is UTC.
    """

    event_time: datetime
    host: str
    referrer: str | None = None


class _TimeText(msgspec.Struct, gc=False):
    event_time: str


class Rejected(ValueError):
    """A record that is not an event of the contract."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_decode_event = msgspec.json.Decoder(Event).decode
_decode_any = msgspec.json.Decoder().decode
_decode_time_text = msgspec.json.Decoder(_TimeText).decode
_ESCAPED_NUL = rb"\u0000"
"""A time ends for msgspec (0.22) at a NUL character, whatever comes after it: `12:00:00\\u0000+05:00` is 12:00 UTC."""


def parse(value: bytes | None) -> Event:
    """Decode one Kafka value; raises `Rejected` with the reason.

    Strict JSON (RFC 8259), strict types, RFC 3339 times with `T` or a space: nothing is repaired or guessed.
    """
    if value is None:
        raise Rejected(Reason.NULL_VALUE)
    try:
        event = _decode_event(value)
    except _UNDECODABLE:
        raise Rejected(_reason(value)) from None
    if _ESCAPED_NUL in value and "\0" in _decode_time_text(value).event_time:
        raise Rejected(Reason.TIME_NOT_RFC3339)
    if not 1 < event.event_time.year < 9999:
        raise Rejected(Reason.TIME_OUT_OF_RANGE)
    if not event.host:
        raise Rejected(Reason.HOST_EMPTY)
    if "\0" in event.host or (event.referrer is not None and "\0" in event.referrer):
        raise Rejected(Reason.NUL_CHARACTER)
    return event


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
    if not isinstance(fields["host"], str):
        return Reason.HOST_NOT_TEXT
    if "event_time" not in fields:
        return Reason.NO_TIME
    if not isinstance(fields["event_time"], str):
        return Reason.TIME_NOT_TEXT
    if not isinstance(fields.get("referrer"), str | None):
        return Reason.REFERRER_NOT_TEXT
    return Reason.TIME_NOT_RFC3339


class Decoded(NamedTuple):
    """What a batch of records comes to."""

    counts: pa.Table
    """`COUNTS`."""
    reasons: dict[int, Reason]
    """Why a record is not counted, by its row in the batch."""


def decode(records: pa.RecordBatch, accepted_from: pa.Array | None = None) -> Decoded:
    """Decode a batch that has the columns of `RECORDS`, and count it in advance.

    Where `accepted_from` is given, it holds the earliest event time for each record that is not too late; what is
    earlier is left out.

    Each row of hits stands for all events of the batch with one window, host and referrer, and carries the newest
    event time among them. The window of the newest is the window of all, and the newest is what a watermark looks at,
    so watermark and windows come out exactly as they would from single events.
    """
    events, rows = [], []
    reasons: dict[int, Reason] = {}
    for row, value in enumerate(records["value"].to_pylist()):
        try:
            events.append(parse(value))
            rows.append(row)
        except Rejected as rejected:
            reasons[row] = rejected.reason
    accepted = pa.table(
        [
            pa.array([event.event_time for event in events], pa.timestamp("us", "UTC")),
            pa.array([event.host for event in events], pa.string()),
            pa.array([event.referrer for event in events], pa.string()),
        ],
        names=["event_time", "host", "referrer"],
    )
    accepted_rows = pa.array(rows, pa.int64())
    is_future = pc.greater(accepted["event_time"], records["accepted_until"].take(accepted_rows))
    future = dict.fromkeys(accepted_rows.filter(is_future.combine_chunks()).to_pylist(), Reason.FUTURE)
    is_counted = pc.invert(is_future)
    if accepted_from is not None:
        is_counted = pc.and_(is_counted, pc.greater_equal(accepted["event_time"], accepted_from.take(accepted_rows)))
    hits = _count_windows(accepted.filter(is_counted))
    return Decoded(pa.concat_tables([hits, _tally(len(reasons), len(future))]), reasons | future)


def _count_windows(events: pa.Table) -> pa.Table:
    window = pc.floor_temporal(events["event_time"], WINDOW_MINUTES, "minute")
    groups = events.append_column("window", window).group_by(["window", "host", "referrer"], use_threads=False)
    counted = groups.aggregate([("event_time", "max"), ("event_time", "count")])
    none = pa.array([0] * counted.num_rows, pa.int64())
    newest, hits = counted["event_time_max"], counted["event_time_count"]
    return pa.table([newest, counted["host"], counted["referrer"], hits, none, none], schema=COUNTS)


def _tally(rejected: int, future: int) -> pa.Table:
    row = {"event_time": None, "host": None, "referrer": None, "hits": 0, "rejected": rejected, "future": future}
    return pa.Table.from_pylist([row], schema=COUNTS)
