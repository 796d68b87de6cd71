"""The event contract: which Kafka records are web-traffic events, and why the others are not.

Pure functions over bytes and Arrow batches; no Spark. The live run, restatements and re-driven events all decode
here, so an event is judged the same way whoever asks.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from web_traffic.reasons import Reason
from web_traffic.settings import WINDOW

WINDOW_MINUTES = WINDOW // timedelta(minutes=1)

RECORDS = pa.schema([("value", pa.binary()), ("accepted_until", pa.timestamp("us", "UTC"))])
"""Input of `judge`: the Kafka value, and the latest event time that is not from the future."""

COUNTS = pa.schema(
    [
        ("event_time", pa.timestamp("us", "UTC")),
        ("host", pa.string()),
        ("referrer", pa.string()),
        ("hits", pa.int64()),
        ("rejected", pa.int64()),
        ("future", pa.int64()),
        ("oldest_kafka_ms", pa.int64()),
        ("newest_kafka_ms", pa.int64()),
    ]
)
"""Output of `count`: hits with their key, and rows without a key that hold figures of all records (see `tally`)."""
COUNTED_TOGETHER = 30_000
COUNTED_BYTES = 32 * 1024 * 1024
"""How many records, or bytes of their keys, are counted in advance at a time: the more, the fewer rows come out."""


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
_find_escaped_nul = re.compile(re.escape(_ESCAPED_NUL)).search
_FIRST_YEAR, _LAST_YEAR = 2, 9998


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
    if not _FIRST_YEAR <= event.event_time.year <= _LAST_YEAR:
        raise Rejected(Reason.TIME_OUT_OF_RANGE)
    if not event.host:
        raise Rejected(Reason.HOST_EMPTY)
    if "\0" in event.host or (event.referrer is not None and "\0" in event.referrer):
        raise Rejected(Reason.NUL_CHARACTER)
    return event


def parse_all(values: pa.Array) -> tuple[list[Event], dict[int, Reason]]:
    """Parse a column of Kafka values: the events in their order, and the reasons for the others by their row.

    The same as `parse` for each of them, in less time: what decodes is looked at together, and one by one only when
    there is something that `parse` might reject.
    """
    texts = values.to_pylist()
    events: list[Event] = []
    reasons: dict[int, Reason] = {}
    left = iter(texts)
    while len(events) + len(reasons) < len(texts):
        try:
            events.extend(map(_decode_event, left))  # what comes before a value that does not decode is kept
        except (*_UNDECODABLE, TypeError):
            row = len(events) + len(reasons)
            reasons[row] = Reason.NULL_VALUE if texts[row] is None else _reason(texts[row])
    return (events, reasons) if _are_flawless(values, events) else _parse_each(texts)


def _are_flawless(values: pa.Array, events: Sequence[Event]) -> bool:
    """Whether `parse` rejects none of the values that decode; a NUL character can only come from an escaped one."""
    years = {event.event_time.year for event in events} or {_FIRST_YEAR}
    return (
        min(years) >= _FIRST_YEAR
        and max(years) <= _LAST_YEAR
        and all(event.host for event in events)
        and not _find_escaped_nul(values.buffers()[2] or b"")
    )


def _parse_each(texts: Iterable[bytes | None]) -> tuple[list[Event], dict[int, Reason]]:
    events: list[Event] = []
    reasons: dict[int, Reason] = {}
    for row, text in enumerate(texts):
        try:
            events.append(parse(text))
        except Rejected as rejected:
            reasons[row] = rejected.reason
    return events, reasons


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


class Judged(NamedTuple):
    """What a batch of records comes to."""

    events: pa.Table
    """Those that are counted: event_time, host, referrer."""
    reasons: dict[int, Reason]
    """Why a record is not counted, by its row in the batch."""


def judge(records: pa.RecordBatch, accepted_from: pa.Array | None = None) -> Judged:
    """Judge a batch that has the columns of `RECORDS`.

    Where `accepted_from` is given, it holds the earliest event time for each record that is not too late; what is
    earlier is left out.
    """
    events, reasons = parse_all(records["value"])
    accepted = pa.table(
        [
            pa.array([event.event_time for event in events], pa.timestamp("us", "UTC")),
            pa.array([event.host for event in events], pa.string()),
            pa.array([event.referrer for event in events], pa.string()),
        ],
        names=["event_time", "host", "referrer"],
    )
    rows = pa.array(np.delete(np.arange(len(records)), list(reasons)), pa.int64())
    is_future = pc.greater(accepted["event_time"], records["accepted_until"].take(rows))
    future = dict.fromkeys(rows.filter(is_future.combine_chunks()).to_pylist(), Reason.FUTURE)
    is_counted = pc.invert(is_future)
    if accepted_from is not None:
        is_counted = pc.and_(is_counted, pc.greater_equal(accepted["event_time"], accepted_from.take(rows)))
    return Judged(accepted.filter(is_counted), reasons | future)


def count(batches: Iterable[Judged]) -> Iterator[pa.RecordBatch]:
    """Count what was judged in advance, many batches at a time, as `COUNTS`.

    Each row of hits stands for all events with one window, host and referrer, and carries the newest
    event time among them. The window of the newest is the window of all, and the newest is what a watermark looks at,
    so watermark and windows come out exactly as they would from single events.
    """
    waiting: list[Judged] = []
    rows, size = 0, 0
    for judged in batches:
        waiting.append(judged)
        rows, size = rows + judged.events.num_rows + len(judged.reasons), size + judged.events.nbytes
        if rows >= COUNTED_TOGETHER or size >= COUNTED_BYTES:
            yield from _count(waiting)
            waiting, rows, size = [], 0, 0
    if waiting:
        yield from _count(waiting)


def _count(judged: Sequence[Judged]) -> list[pa.RecordBatch]:
    hits = _count_windows(pa.concat_tables(batch.events for batch in judged))
    reasons = [reason for batch in judged for reason in batch.reasons.values()]
    future = reasons.count(Reason.FUTURE)
    counts = pa.concat_tables([hits, pa.Table.from_batches([tally(len(reasons) - future, future)])])
    return list(counts.combine_chunks().to_batches())


def tally(
    rejected: int = 0, future: int = 0, oldest_kafka_ms: int | None = None, newest_kafka_ms: int | None = None
) -> pa.RecordBatch:
    """Return a row of `COUNTS` without a key: figures of records, whatever window they are of."""
    figures = {
        "hits": 0,
        "rejected": rejected,
        "future": future,
        "oldest_kafka_ms": oldest_kafka_ms,
        "newest_kafka_ms": newest_kafka_ms,
    }
    return pa.RecordBatch.from_pylist([figures], schema=COUNTS)


def _count_windows(events: pa.Table) -> pa.Table:
    window = pc.floor_temporal(events["event_time"], WINDOW_MINUTES, "minute")
    groups = events.append_column("window", window).group_by(["window", "host", "referrer"], use_threads=False)
    counted = groups.aggregate([("event_time", "max"), ("event_time", "count")])
    none = pa.array([0] * counted.num_rows, pa.int64())
    newest, hits = counted["event_time_max"], counted["event_time_count"]
    no_time = pa.nulls(counted.num_rows, pa.int64())
    columns = [newest, counted["host"], counted["referrer"], hits, none, none, no_time, no_time]
    return pa.table(columns, schema=COUNTS)
