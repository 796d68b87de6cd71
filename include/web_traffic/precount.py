"""Counts judged events ahead of Spark: events of one window, host and referrer become one row.

Pure functions over Arrow batches; no Spark. What comes out are pre-counted hits, which `windows` sums.
"""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from web_traffic.arrow import spark_ddl
from web_traffic.events import EVENTS, KEYS, Judged
from web_traffic.reasons import Reason
from web_traffic.window_length import WINDOW_MINUTES

COUNTS = pa.schema(
    [
        *EVENTS,
        ("hits", pa.int64()),
        ("rejected", pa.int64()),
        ("future", pa.int64()),
        ("oldest_kafka_ms", pa.int64()),
        ("newest_kafka_ms", pa.int64()),
    ]
)
"""Output of `count`: hits with their key, and rows without a key that hold figures of all records (see `tally`)."""
COUNTS_DDL = spark_ddl(COUNTS)
"""The same for Spark."""
COUNTED_TOGETHER = 30_000
COUNTED_BYTES = 32 * 1024 * 1024
"""How many records, or bytes of their keys, are counted in advance at a time: the more, the fewer rows come out."""


def count(batches: Iterable[Judged]) -> Iterator[pa.RecordBatch]:
    """Count what was judged in advance, many batches at a time, as `COUNTS`.

    Each row of hits stands for all events with one window, host and referrer, and carries the newest event time
    among them. The window of the newest is the window of all, and the newest is what a watermark looks at, so
    watermark and windows come out exactly as they would from single events.
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
    groups = events.append_column("window", window).group_by(["window", *KEYS], use_threads=False)
    counted = groups.aggregate([("event_time", "max"), ("event_time", "count")])
    none = pa.array([0] * counted.num_rows, pa.int64())
    newest, hits = counted["event_time_max"], counted["event_time_count"]
    no_time = pa.nulls(counted.num_rows, pa.int64())
    columns = [newest, *(counted[key] for key in KEYS), hits, none, none, no_time, no_time]
    return pa.table(columns, schema=COUNTS)
