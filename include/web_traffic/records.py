"""Reads a few records of a topic by their offsets; joins no consumer group and commits nothing."""

from collections.abc import Iterator, Mapping

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from web_traffic.errors import KafkaUnavailable
from web_traffic.kafka import Topic
from web_traffic.kafka_client import failure, is_about_group, make_consumer
from web_traffic.settings import Settings

NO_RECORD = (KafkaError._PARTITION_EOF, KafkaError._AUTO_OFFSET_RESET)  # noqa: SLF001  (those are their public names)
LIMIT_SECONDS = 20


def read_records(
    settings: Settings, ranges: Mapping[str, range], *, committed: bool
) -> Iterator[tuple[str, int, Message]]:
    """Yield partition, offset and record of these offsets, in order within a partition.

    Without `committed` also the records of transactions that have failed. What Kafka does not hold is left out.
    Raises `KafkaUnavailable` or `KafkaRefused`.
    """
    waiting = {int(partition): offsets for partition, offsets in ranges.items() if offsets}
    if not waiting:
        return
    consumer = make_consumer(
        settings,
        {
            "group.id": "web_traffic_records",  # the client wants a name; nothing is committed under it
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed" if committed else "read_uncommitted",
            "auto.offset.reset": "error",
            "fetch.wait.max.ms": 10,
            "fetch.message.max.bytes": 65_536,
            "log_level": 2,
        },
    )
    try:
        consumer.assign([TopicPartition(settings.kafka_topic, number, at.start) for number, at in waiting.items()])
        while waiting:
            message = consumer.poll(LIMIT_SECONDS)
            if message is None:
                raise KafkaUnavailable(f"Kafka at {settings.kafka_url} has sent nothing for {LIMIT_SECONDS} s")
            if is_about_group(message):
                continue
            partition, offset, is_record = _place(message)
            at = waiting.get(partition, range(0))
            if is_record and offset in at:
                yield str(partition), offset, message
            if partition in waiting and (not is_record or offset >= at.stop - 1):
                del waiting[partition]
                consumer.incremental_unassign([TopicPartition(settings.kafka_topic, partition)])
    except KafkaException as error:
        raise failure(settings, error) from error
    finally:
        consumer.close()


def require_right_to_read(settings: Settings, topic: Topic) -> None:
    """Ask for what is behind the end of a partition: only a fetch shows whether the client may read.

    Raises `KafkaUnavailable` or `KafkaRefused`.
    """
    places = {partition: range(end, end + 1) for partition, end in list(topic.end_offsets.items())[:1]}
    for _ in read_records(settings, places, committed=False):
        pass


def _place(message: Message) -> tuple[int, int, bool]:
    """Return partition and offset, and whether a record is there: not at the end, nor before the log's beginning."""
    error = message.error()
    if error and error.code() not in NO_RECORD:
        raise KafkaException(error)
    partition, offset = message.partition(), message.offset()
    if partition is None or offset is None:
        raise KafkaUnavailable("Kafka has sent a message without partition or offset")
    return partition, offset, error is None
