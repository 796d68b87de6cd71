"""Recognises a log by the last records that were read from it.

A log that was cut and has grown again past its old end has other records at the same offsets. Offsets can't tell, and
neither can the epochs of leaders, which a restored disk repeats. So each run keeps what its last records were, and the
next one looks whether they are still there.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from web_traffic.checkpoint import Offsets
from web_traffic.kafka import Topic, is_compacted
from web_traffic.kafka_client import KafkaUnavailable
from web_traffic.settings import Settings
from web_traffic.warehouse.history import LastRecord, LastRecords

NO_RECORD = (KafkaError._PARTITION_EOF, KafkaError._AUTO_OFFSET_RESET)  # noqa: SLF001  (those are their public names)
LIMIT_SECONDS = 20
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

    Where the newest marks are not what is there, older ones tell how far back. Raises `KafkaUnavailable`.
    """
    suspects = _changed(settings, topic, newest)
    changed = {partition: topic.first_offsets[partition] for partition in suspects}
    for marks in older:
        if not suspects:
            break
        asked = {partition: marks[partition] for partition in suspects & marks.keys()}
        for partition in asked.keys() - _changed(settings, topic, asked):
            changed[partition] = max(changed[partition], asked[partition].offset + 1)
            suspects.remove(partition)
    return changed


def _changed(settings: Settings, topic: Topic, marks: LastRecords) -> set[str]:
    """Return the partitions whose record is another one or is missing; what lies outside of the log says nothing."""
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
    if not ranges:
        return
    waiting = {int(partition): offsets for partition, offsets in ranges.items()}
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_url,
            "group.id": "web_traffic_marks",  # the client wants a name; nothing is committed under it
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_uncommitted",
            "auto.offset.reset": "error",
            "fetch.wait.max.ms": 10,
            "fetch.message.max.bytes": 65_536,
            "log_level": 2,
        }
    )
    try:
        consumer.assign([TopicPartition(settings.kafka_topic, number, at.start) for number, at in waiting.items()])
        while waiting:
            message = consumer.poll(LIMIT_SECONDS)
            if message is None:
                raise KafkaUnavailable(f"Kafka at {settings.kafka_url} has sent nothing for {LIMIT_SECONDS} s")
            partition, offset, is_record = _place(message)
            at = waiting.get(partition, range(0))
            if is_record and offset in at:
                yield str(partition), LastRecord(offset, message.timestamp()[1], _digest(message.value()))
            if partition in waiting and (not is_record or offset >= at.stop - 1):
                del waiting[partition]
                consumer.incremental_unassign([TopicPartition(settings.kafka_topic, partition)])
    except KafkaException as error:
        raise KafkaUnavailable(f"Kafka at {settings.kafka_url}: {error.args[0].str()}") from error
    finally:
        consumer.close()


def _place(message: Message) -> tuple[int, int, bool]:
    """Return partition and offset, and whether a record is there: not at the end, nor before the log's beginning."""
    error = message.error()
    if error and error.code() not in NO_RECORD:
        raise KafkaException(error)
    partition, offset = message.partition(), message.offset()
    if partition is None or offset is None:
        raise KafkaUnavailable("Kafka has sent a message without partition or offset")
    return partition, offset, error is None


def _digest(value: bytes | None) -> str:
    return "null" if value is None else sha256(value).hexdigest()[:32]
