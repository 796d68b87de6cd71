"""The topic's side of a recount: reads records between two offsets of each partition."""

import time
from collections.abc import Iterable, Iterator

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from web_traffic.errors import RecordsMissing, RecountImpossible
from web_traffic.kafka_client import is_about_group, make_consumer, refusal
from web_traffic.recount.counting import Batch, Ranges, Record
from web_traffic.settings import Settings

_TIMEOUT_SECONDS = 20
_MESSAGES_AT_ONCE = 10_000


def offset_ranges(batches: Iterable[Batch]) -> Ranges:
    """Return the offsets that these have read. A partition without a start was read from its first record."""
    ranges: Ranges = {}
    for batch in batches:
        for partition, start, end in batch.ranges():
            first, last = ranges.get(partition, (start, end))
            ranges[partition] = min(first, start), max(last, end)
    return ranges


def read_topic(settings: Settings, ranges: Ranges) -> Iterator[Record]:
    """Read the records of these offsets, in order within a partition; joins no consumer group and commits nothing.

    Raises `RecountImpossible` when the broker does not answer, and `RecordsMissing` when it does not hold all of them.
    """
    if not ranges:
        return
    consumer = make_consumer(
        settings,
        {
            "group.id": "web_traffic_recount",  # the client wants a name; nothing is committed under it
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",
            "log_level": 2,
        },
    )
    try:
        _check_ranges(consumer, settings, ranges)
        wanted = {partition: last for partition, (first, last) in ranges.items() if first < last}
        consumer.assign([TopicPartition(settings.kafka_topic, number, ranges[number][0]) for number in wanted])
        yield from _read(consumer, settings, wanted)
    except KafkaException as error:
        impossible = RecountImpossible(f"Kafka at {settings.kafka_url}: {error.args[0].str()}")
        raise refusal(settings, [error.args[0]]) or impossible from error
    finally:
        consumer.close()


def _read(consumer: Consumer, settings: Settings, wanted: dict[int, int]) -> Iterator[Record]:
    heard_at = time.monotonic()
    while wanted:
        messages = consumer.consume(_MESSAGES_AT_ONCE, timeout=1)
        if messages:
            heard_at = time.monotonic()
        elif time.monotonic() - heard_at > _TIMEOUT_SECONDS:
            raise RecountImpossible(f"Kafka at {settings.kafka_url} has sent nothing for {_TIMEOUT_SECONDS} s")
        for message in messages:
            if is_about_group(message):
                continue
            partition, offset = _place(message)
            if offset < wanted.get(partition, 0):
                yield Record(partition, offset, message.timestamp()[1], message.value())
            if offset >= wanted.get(partition, 0) - 1:
                wanted.pop(partition, None)


def _place(message: Message) -> tuple[int, int]:
    """Return partition and offset; the end of a partition is a message with an error of its own, and an offset."""
    error = message.error()
    if error and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001  (that is its public name)
        raise KafkaException(error)
    partition, offset = message.partition(), message.offset()
    if partition is None or offset is None:
        raise RecountImpossible("Kafka has sent a message without partition or offset")
    return partition, offset


def _check_ranges(consumer: Consumer, settings: Settings, ranges: Ranges) -> None:
    for number, (first, last) in ranges.items():
        place = TopicPartition(settings.kafka_topic, number)
        low, high = consumer.get_watermark_offsets(place, timeout=_TIMEOUT_SECONDS)
        if first < low or last > high:
            raise RecordsMissing(
                f"partition {number} of {settings.kafka_topic}: the batches have read offsets {first} to {last}, "
                f"Kafka holds {low} to {high}: retention has deleted some, or the topic was made anew"
            )
