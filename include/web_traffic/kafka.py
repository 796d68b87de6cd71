"""The broker's side of Kafka, without Spark: the topic and its end offsets."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec  # type: ignore[attr-defined]
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from web_traffic.errors import LeaderUnknown
from web_traffic.kafka_client import asking, make_consumer
from web_traffic.settings import Settings

Offsets = dict[str, int]
"""Kafka offset by partition number (as text, the way JSON keeps it)."""
TIMEOUT_SECONDS = 20
EARLIEST = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]
_UNCOMMITTED = {
    "group.id": "web_traffic_check",  # the client wants a name; nothing is committed under it
    "enable.auto.commit": False,
    "isolation.level": "read_uncommitted",
    "auto.offset.reset": "earliest",
    "fetch.max.bytes": 1_000_000,
    "log_level": 0,
}


@dataclass(frozen=True, slots=True)
class Topic:
    """What the broker says of the topic; offsets are of readable records (of committed transactions)."""

    name: str
    id: str
    """A topic that is made anew under the same name has another."""
    first_offsets: Offsets
    end_offsets: Offsets
    """Exclusive."""
    waiting: Offsets = field(default_factory=dict)
    """How many records lie behind these ends: those of an open transaction, and all that came after it."""


class Found(NamedTuple):
    """Where the records of a partition begin that are as new as asked for."""

    offset: int
    """The end of the partition if it holds none."""
    timestamp_ms: int | None
    """Kafka timestamp of the record there, in ms since 1970; None if there is none."""


def ensure_topic(settings: Settings) -> bool:
    """Make the topic if the broker does not have it; True when it was made.

    Raises `KafkaUnavailable`, `KafkaRefused` or `TopicNotMade`.
    """
    with asking(settings, TIMEOUT_SECONDS) as admin:
        if _exists(admin, settings):
            return False
        topic = NewTopic(settings.kafka_topic, num_partitions=settings.kafka_topic_partitions)
        answers = admin.create_topics([topic], operation_timeout=TIMEOUT_SECONDS, request_timeout=TIMEOUT_SECONDS)
        try:
            answers[settings.kafka_topic].result(2 * TIMEOUT_SECONDS)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                return False
            raise
        return True


@retry(
    retry=retry_if_exception_type(LeaderUnknown),
    wait=wait_fixed(0.2),
    stop=stop_after_delay(TIMEOUT_SECONDS),
    reraise=True,
)
def describe_topic(settings: Settings) -> Topic:
    """Return what the broker says of the topic; raises `KafkaUnavailable`, `KafkaRefused` or `TopicMissing`."""
    names = TopicCollection([settings.kafka_topic])
    with asking(settings, TIMEOUT_SECONDS) as admin:
        answer = admin.describe_topics(names, request_timeout=TIMEOUT_SECONDS)[settings.kafka_topic]
        description = answer.result(2 * TIMEOUT_SECONDS)
        partitions = [partition.id for partition in description.partitions]
        # In this order: records that come meanwhile do not count as waiting.
        written = _offsets(admin, settings, partitions, LATEST, IsolationLevel.READ_UNCOMMITTED)
        ends = _offsets(admin, settings, partitions, LATEST)
        return Topic(
            name=settings.kafka_topic,
            id=str(description.topic_id),
            first_offsets=_offsets(admin, settings, partitions, EARLIEST),
            end_offsets=ends,
            waiting={partition: max(written[partition] - end, 0) for partition, end in ends.items()},
        )


def is_compacted(settings: Settings) -> bool:
    """Whether the broker removes records in the middle of a partition; True if it does not say.

    Raises `KafkaUnavailable`.
    """
    resource = ConfigResource(ConfigResource.Type.TOPIC, settings.kafka_topic)
    with asking(settings, TIMEOUT_SECONDS) as admin:
        try:
            answer = admin.describe_configs([resource], request_timeout=TIMEOUT_SECONDS)[resource]
            return "compact" in str(answer.result(2 * TIMEOUT_SECONDS)["cleanup.policy"].value)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                return True
            raise


def end_offsets(settings: Settings) -> Offsets:
    """Offset after the last readable record (of committed transactions), by partition.

    Raises `KafkaUnavailable` or `TopicMissing`.
    """
    return describe_topic(settings).end_offsets


def find_since(settings: Settings, topic: Topic, times_ms: Iterable[int]) -> list[dict[str, Found]]:
    """For each time, in ms since 1970, return the first record of each partition that is as new by its timestamp.

    Raises `KafkaUnavailable` or `KafkaRefused`.
    """
    with asking(settings, TIMEOUT_SECONDS) as admin:
        return [_find_since(admin, topic, at_ms) for at_ms in times_ms]


def _find_since(admin: AdminClient, topic: Topic, at_ms: int) -> dict[str, Found]:
    since = OffsetSpec.for_timestamp(at_ms)
    wanted = {TopicPartition(topic.name, int(partition)): since for partition in topic.end_offsets}
    answers = admin.list_offsets(
        wanted, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=TIMEOUT_SECONDS
    )
    results = {str(place.partition): answer.result(2 * TIMEOUT_SECONDS) for place, answer in answers.items()}
    return {
        partition: Found(result.offset, result.timestamp)
        if result.offset >= 0
        else Found(topic.end_offsets[partition], None)
        for partition, result in results.items()
    }


def timestamps_at(settings: Settings, offsets: Offsets) -> dict[str, datetime | None]:
    """Return the Kafka timestamps of the records at these offsets, or next to them, whether they are readable or not.

    None stands for a record without a plausible timestamp, and for a broker that does not answer in time.
    """
    consumer = make_consumer(settings, _UNCOMMITTED)
    places = [TopicPartition(settings.kafka_topic, int(partition), offset) for partition, offset in offsets.items()]
    found: dict[str, datetime | None] = {}
    try:
        consumer.assign(places)
        until = time.monotonic() + TIMEOUT_SECONDS
        while len(found) < len(offsets) and time.monotonic() < until:
            message = consumer.poll(1)
            if message is not None and not message.error():
                found.setdefault(str(message.partition()), _instant(*message.timestamp()))
    finally:
        consumer.close()
    return {partition: found.get(partition) for partition in offsets}


def _instant(kind: int, milliseconds: int) -> datetime | None:
    try:
        return None if kind == TIMESTAMP_NOT_AVAILABLE else datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError):
        return None


def _offsets(
    admin: AdminClient,
    settings: Settings,
    partitions: list[int],
    which: OffsetSpec,
    isolation: IsolationLevel = IsolationLevel.READ_COMMITTED,
) -> Offsets:
    wanted = {TopicPartition(settings.kafka_topic, partition): which for partition in partitions}
    futures = admin.list_offsets(wanted, isolation_level=isolation, request_timeout=TIMEOUT_SECONDS)
    return {str(place.partition): future.result(2 * TIMEOUT_SECONDS).offset for place, future in futures.items()}


def _exists(admin: AdminClient, settings: Settings) -> bool:
    names = TopicCollection([settings.kafka_topic])
    try:
        admin.describe_topics(names, request_timeout=TIMEOUT_SECONDS)[settings.kafka_topic].result(2 * TIMEOUT_SECONDS)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return False
        raise
    return True
