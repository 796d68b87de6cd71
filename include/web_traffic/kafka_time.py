"""Kafka timestamps of records: they are data from producers, not a clock.

A timestamp may be missing (-1), zero, in seconds or microseconds, in the future, or out of order within a partition.
Pure, no Spark.
"""

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

EARLIEST_MS = 1_293_840_000_000
"""Start of 2011, the year of Kafka's first release: an earlier timestamp can't be the time at which a record was sent.
Such a record counts as one without a timestamp, as -1, 0 and times in seconds do."""
EARLIEST = datetime.fromtimestamp(EARLIEST_MS / 1000, UTC)
_LAST_MS = 253_402_300_799_000


def milliseconds(at: datetime) -> int:
    """Return a time as a Kafka timestamp, in ms since 1970."""
    return int(at.timestamp() * 1000)


def written(timestamp_ms: int) -> str:
    """Return a Kafka timestamp for people; as a number if it is beyond Python's calendar."""
    if not 0 <= timestamp_ms <= _LAST_MS:
        return f"{timestamp_ms} ms after 1970"
    return f"{datetime.fromtimestamp(timestamp_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


class KafkaTimes:
    """The oldest and the newest Kafka timestamp among the records of a task, in ms since 1970."""

    def __init__(self) -> None:
        self.oldest_ms: int | None = None
        self.newest_ms: int | None = None

    def add(self, timestamps: pa.Array) -> None:
        """Take the timestamps of an Arrow batch into account."""
        if not len(timestamps):
            return
        ends = pc.min_max(timestamps.cast(pa.int64()))
        oldest_ms, newest_ms = (ends[name].as_py() // 1000 for name in ("min", "max"))
        self.oldest_ms = oldest_ms if self.oldest_ms is None else min(self.oldest_ms, oldest_ms)
        self.newest_ms = newest_ms if self.newest_ms is None else max(self.newest_ms, newest_ms)
