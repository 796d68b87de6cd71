"""Records that Spark's Kafka source can't read: in microseconds their Kafka timestamp does not fit into 64 bits."""

from web_traffic.checkpoint import Offsets
from web_traffic.errors import NeedsAttention
from web_traffic.kafka import Topic, find_since
from web_traffic.settings import Settings

LAST_READABLE_MS = (2**63 - 1) // 1000
"""Spark multiplies a Kafka timestamp by 1,000 and fails on overflow, as with one in nanoseconds (Spark 4.2)."""


class Unreadable(NeedsAttention):
    """Spark would fail at a record, on every run; nothing was read or written."""


def require_readable(settings: Settings, topic: Topic, wanted: Offsets) -> None:
    """Raise `Unreadable` if a record that Spark has to read, from the offsets `wanted` on, has such a timestamp.

    Kafka is asked for the first such record of each partition. One that lies behind another that was passed before is
    not found here.
    """
    [found] = find_since(settings, topic, [LAST_READABLE_MS + 1])
    places = {
        partition: first
        for partition, first in found.items()
        if first.timestamp_ms is not None and first.offset >= wanted.get(partition, 0)
    }
    if places:
        named = "; ".join(
            f"partition {partition}, offset {first.offset}: {first.timestamp_ms} ms"
            for partition, first in places.items()
        )
        raise Unreadable(
            f"topic {topic.name} has records whose Kafka timestamp Spark can't read, as it would be in nanoseconds "
            f"({named}): delete the records of the partition up to and with this one (kafka-delete-records), then run "
            "once with accept_data_loss, which records the gap; what was not read ahead of it is lost, too"
        )
