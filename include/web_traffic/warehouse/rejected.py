"""Keeps the records that are not counted, in `etl.rejected_event`."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from web_traffic.arrow import to_list
from web_traffic.kafka import Offsets
from web_traffic.reasons import Reason
from web_traffic.settings import Settings
from web_traffic.statements import statements_beside
from web_traffic.unreadable import UnreadableRecord
from web_traffic.warehouse.connection import connect

statement = statements_beside(__name__)
CHUNK_BYTES = 8 * 1024 * 1024
CHUNK_RECORDS = 5_000
COLUMNS = ("partition", "offset", "timestamp", "value")
Places = dict[int, frozenset[int]]
"""Offsets by partition."""
_FIRST_US, _LAST_US = -62_135_596_800_000_000, 253_402_300_799_000_000
"""The years 1 to 9999, in microseconds since 1970."""


def rejected_earlier(
    connection: psycopg.Connection[Any], topic_id: str, start_offsets: Offsets, planned_at: datetime | None
) -> Places:
    """Return the records from these offsets on that were rejected before `planned_at`; None means until now."""
    figures = {
        "topic_id": topic_id,
        "partitions": [int(partition) for partition in start_offsets],
        "offsets": list(start_offsets.values()),
        "planned_at": planned_at,
    }
    with connection.transaction():
        rows = connection.execute(statement("rejected_earlier"), figures).fetchall()
    return {partition: frozenset(offsets) for partition, offsets in rows}


def release_places(connection: psycopg.Connection[Any], topic_id: str, run_id: int, reused: Offsets) -> None:
    """Release the offsets of rejected records from these offsets on: the log was cut, and new records come there."""
    if reused:
        figures = {
            "topic_id": topic_id,
            "run_id": run_id,
            "partitions": [int(partition) for partition in reused],
            "offsets": list(reused.values()),
        }
        with connection.transaction():
            connection.execute(statement("release_places"), figures)


def keep_unreadable(settings: Settings, topic_id: str, unreadable: Iterable[UnreadableRecord]) -> None:
    """Keep records that Spark can't read: the stream begins behind them, so its tasks never see them."""
    rows = [(int(record.partition), record.offset, _LAST_US, record.value) for record in unreadable]
    types = (pa.int32(), pa.int64(), pa.timestamp("us", "UTC"), pa.binary())
    columns = [pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), types, strict=False)]
    if columns:
        with RejectedEvents(settings, topic_id) as rejected_events:
            records = pa.record_batch(columns, names=list(COLUMNS))
            rejected_events.add(records, dict.fromkeys(range(len(rows)), Reason.UNREADABLE))


class RejectedEvents:
    """The rejected records of one Spark task. They are written in chunks, the last one when the block ends well.

    The task that decodes the records also writes them, so a batch can't be committed before its rejected records are
    kept. A record that is read again is not entered again. Once the values that are kept are as large as the settings
    allow, of a further record only its place and its reason are entered.
    """

    def __init__(self, settings: Settings, topic_id: str) -> None:
        """Write to the database of the settings; the first chunk opens the first connection."""
        self._settings = settings
        self._topic_id = topic_id
        self._chunk: dict[str, list[Any]] = {name: [] for name in (*COLUMNS, "reason")}
        self._chunk_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        if kind is None:
            self._flush()

    def add(self, records: pa.RecordBatch, reasons: Mapping[int, str]) -> None:
        """Take the rows of a batch of Kafka records that have a reason, by their row numbers."""
        rejected = records.select(list(COLUMNS)).take(pa.array(reasons, pa.int64()))
        rejected = rejected.set_column(
            COLUMNS.index("timestamp"), "timestamp", _in_the_calendar(rejected["timestamp"])
        )
        for name in COLUMNS:
            self._chunk[name] += to_list(rejected[name])
        self._chunk["reason"] += reasons.values()
        self._chunk_bytes += rejected.nbytes
        if self._chunk_bytes > CHUNK_BYTES or len(self._chunk["reason"]) > CHUNK_RECORDS:
            self._flush()

    def _flush(self) -> None:
        if not self._chunk["reason"]:
            return
        with connect(self._settings) as connection:
            about = {
                "topic_id": self._topic_id,
                "topic": self._settings.kafka_topic,
                "most_bytes": self._settings.rejected_limit,
            }
            columns = {f"{name}_column": values for name, values in self._chunk.items()}
            connection.execute(statement("insert_rejected_events"), about | columns)
        for values in self._chunk.values():
            values.clear()
        self._chunk_bytes = 0


def _in_the_calendar(timestamps: pa.Array) -> pa.Array:
    """Limit timestamps to the years 1 to 9999: those that a producer writes in microseconds, say, are beyond them."""
    microseconds = timestamps.cast(pa.int64())
    return pc.max_element_wise(pc.min_element_wise(microseconds, _LAST_US), _FIRST_US).cast(timestamps.type)
