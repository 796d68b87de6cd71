"""Recognises a log by the last records that were read from it.

A log that was cut and has grown again past its old end has other records at the same offsets. Offsets can't tell, and
neither can the epochs of leaders, which a restored disk repeats. So each run keeps what its last records were, and the
next one looks whether they are still there.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

import psycopg

from web_traffic.kafka import Offsets, Topic, is_compacted
from web_traffic.records import read_records
from web_traffic.settings import Settings
from web_traffic.warehouse.history import LastRecord, LastRecords, read_last_records, read_past

LOOK_BACK = 3
"""Offsets before an end among which its last record is looked for: the end of a transaction takes an offset, too."""


def last_records(settings: Settings, start_offsets: Offsets, end_offsets: Offsets) -> LastRecords:
    """Return the last record before each end, of the partitions that were read and have one near it.

    Raises `KafkaUnavailable`.
    """
    starts = {partition: start_offsets.get(partition, 0) for partition in end_offsets}
    moved = {partition: end for partition, end in end_offsets.items() if starts[partition] < end}
    near = {partition: max(starts[partition], end - LOOK_BACK) for partition, end in moved.items()}
    return dict(_records(settings, {partition: range(start, moved[partition]) for partition, start in near.items()}))


def changed_from(settings: Settings, topic: Topic, newest: LastRecords, older: Iterable[LastRecords]) -> Offsets:
    """Return, by partition, from which offset on the log may have other records than were read; nothing if none.

    Where the newest marks are not what is there, or lie behind the log's end, older ones tell how far back. Raises
    `KafkaUnavailable`.
    """
    suspects = _changed(settings, topic, newest) | _behind_the_end(topic, newest)
    changed = {partition: topic.first_offsets[partition] for partition in suspects}
    for marks in older:
        if not suspects:
            break
        asked = {partition: marks[partition] for partition in suspects & marks.keys()}
        for partition in asked.keys() - _changed(settings, topic, asked) - _behind_the_end(topic, asked):
            changed[partition] = max(changed[partition], asked[partition].offset + 1)
            suspects.remove(partition)
    return changed


def is_what_was_read(settings: Settings, connection: psycopg.Connection[Any], topic: Topic) -> bool:
    """Whether the topic is the one that was read last, and the last records that were read are still there.

    A log that was cut, or made anew, may have grown to exactly its old end. Raises `KafkaUnavailable`.
    """
    newest = next(iter(read_last_records(connection, topic.id)), {})
    return read_past(connection, None).newest_topic_id == topic.id and not changed_from(settings, topic, newest, [])


def _behind_the_end(topic: Topic, marks: LastRecords) -> set[str]:
    """Return the partitions that end before their record: the log was cut there, and may have grown again since."""
    ends = {partition: topic.end_offsets[partition] for partition in marks if partition in topic.end_offsets}
    return {partition for partition, end in ends.items() if end <= marks[partition].offset}


def _changed(settings: Settings, topic: Topic, marks: LastRecords) -> set[str]:
    """Return the partitions whose record is another one or is missing; what lies outside of the log is not asked."""
    asked = {
        partition: mark
        for partition, mark in marks.items()
        if topic.first_offsets.get(partition, 0) <= mark.offset < topic.end_offsets.get(partition, 0)
    }
    found = dict(
        _records(settings, {partition: range(mark.offset, mark.offset + 1) for partition, mark in asked.items()})
    )
    different = {partition for partition, mark in asked.items() if partition in found and found[partition] != mark}
    missing = asked.keys() - found.keys()
    return different | (missing if missing and not is_compacted(settings) else set())


def _records(settings: Settings, ranges: Mapping[str, range]) -> Iterator[tuple[str, LastRecord]]:
    """Yield each record of these offsets, in order within a partition; also those of transactions that have failed."""
    for partition, offset, message in read_records(settings, ranges, committed=False):
        yield partition, LastRecord(offset, message.timestamp()[1], _digest(message.value()))


def _digest(value: bytes | None) -> str:
    return "null" if value is None else sha256(value).hexdigest()[:32]
