"""Records that Spark's Kafka source can't read: in microseconds their Kafka timestamp does not fit into 64 bits.

Spark fails at such a record, on every run. The way out begins behind it, and a restatement reads around it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from web_traffic.errors import Unreadable
from web_traffic.kafka import Offsets, Topic, find_since
from web_traffic.records import read_records
from web_traffic.settings import Settings

LAST_READABLE_MS = (2**63 - 1) // 1000
"""Spark multiplies a Kafka timestamp by 1,000 and fails on overflow, as with one in nanoseconds (Spark 4.2)."""


AROUND = (
    "run once with rebuild_checkpoint and accept_data_loss: a new checkpoint begins behind these records in their "
    "partitions, and they are kept in etl.rejected_event; then restate all windows since the oldest open one, which "
    "counts what came before them in these partitions"
)


class UnreadableRecord(NamedTuple):
    """A record that Spark can't read."""

    partition: str
    offset: int
    timestamp_ms: int
    value: bytes | None

    def __str__(self) -> str:
        return f"partition {self.partition}, offset {self.offset}: {self.timestamp_ms} ms"


def find_unreadable(settings: Settings, topic: Topic, start_offsets: Mapping[str, int]) -> list[UnreadableRecord]:
    """Return the records from these offsets on that Spark can't read; a partition without one is read from its first.

    Reads the records of a partition only if Kafka knows of such a timestamp in it. Raises `KafkaUnavailable`.
    """
    [found] = find_since(settings, topic, [LAST_READABLE_MS + 1])
    suspects = {
        partition: range(max(first.offset, start_offsets.get(partition, 0)), topic.end_offsets[partition])
        for partition, first in found.items()
        if first.timestamp_ms is not None
    }
    return [
        UnreadableRecord(partition, offset, message.timestamp()[1], message.value())
        for partition, offset, message in read_records(settings, suspects, committed=True)
        if message.timestamp()[1] > LAST_READABLE_MS
    ]


def require_readable(topic: Topic, unreadable: list[UnreadableRecord]) -> None:
    """Raise `Unreadable` if there are such records."""
    if unreadable:
        raise Unreadable(
            f"topic {topic.name} has records whose Kafka timestamp Spark can't read, such as one in nanoseconds "
            f"({'; '.join(map(str, unreadable))}): {AROUND}"
        )


def behind(records: list[UnreadableRecord], offsets: Offsets) -> Offsets:
    """Return the offsets, moved behind the last of these records in their partitions."""
    return offsets | {
        record.partition: record.offset + 1 for record in sorted(records, key=lambda record: record.offset)
    }
