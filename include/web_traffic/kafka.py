"""The broker's side of Kafka, without Spark: the topic and its end offsets."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec  # type: ignore[attr-defined]
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from web_traffic.checkpoint import Offsets
from web_traffic.errors import NeedsAttention
from web_traffic.settings import Settings

TIMEOUT_SECONDS = 20
EARLIEST = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]


class KafkaUnavailable(ConnectionError):
    """No broker answers; the message names the address."""


class LeaderUnknown(KafkaUnavailable):
    """A partition has no leader that all brokers know of yet, as happens after a start or a failure."""


class TopicMissing(NeedsAttention):
    """The broker does not have the topic."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What the broker says of the topic; offsets are of readable records (of committed transactions)."""

    name: str
    id: str
    """A topic that is made anew under the same name has another."""
    first_offsets: Offsets
    end_offsets: Offsets
    """Exclusive."""


class Found(NamedTuple):
    """Where the records of a partition begin that are as new as asked for."""

    offset: int
    """The end of the partition if it holds none."""
    timestamp_ms: int | None
    """Kafka timestamp of the record there, in ms since 1970; None if there is none."""


def ensure_topic(settings: Settings) -> bool:
    """Make the topic if the broker does not have it; True when it was made."""
    admin = _admin(settings)
    if _exists(admin, settings):
        return False
    topic = NewTopic(settings.kafka_topic, num_partitions=settings.kafka_topic_partitions)
    try:
        admin.create_topics([topic], operation_timeout=TIMEOUT_SECONDS)[settings.kafka_topic].result(TIMEOUT_SECONDS)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
        return False
    return True


@retry(
    retry=retry_if_exception_type(LeaderUnknown),
    wait=wait_fixed(0.2),
    stop=stop_after_delay(TIMEOUT_SECONDS),
    reraise=True,
)
def describe_topic(settings: Settings) -> Topic:
    """Return what the broker says of the topic; raises `KafkaUnavailable` or `TopicMissing`."""
    admin = _admin(settings)  # its answers end with it
    names = TopicCollection([settings.kafka_topic])
    with _explained(settings):
        answer = admin.describe_topics(names, request_timeout=TIMEOUT_SECONDS)[settings.kafka_topic]
        description = answer.result(2 * TIMEOUT_SECONDS)
        partitions = [partition.id for partition in description.partitions]
        return Topic(
            name=settings.kafka_topic,
            id=str(description.topic_id),
            first_offsets=_offsets(admin, settings, partitions, EARLIEST),
            end_offsets=_offsets(admin, settings, partitions, LATEST),
        )


def is_compacted(settings: Settings) -> bool:
    """Whether the broker removes records in the middle of a partition; True if it does not say.

    Raises `KafkaUnavailable`.
    """
    admin = _admin(settings)  # its answers end with it
    resource = ConfigResource(ConfigResource.Type.TOPIC, settings.kafka_topic)
    with _explained(settings):
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


def find_since(settings: Settings, topic: Topic, times: Iterable[datetime]) -> list[dict[str, Found]]:
    """For each time, return the first record of each partition with that Kafka timestamp or a later one.

    Raises `KafkaUnavailable`.
    """
    admin = _admin(settings)
    return [_find_since(admin, settings, topic, at) for at in times]


def _find_since(admin: AdminClient, settings: Settings, topic: Topic, at: datetime) -> dict[str, Found]:
    since = OffsetSpec.for_timestamp(int(at.timestamp() * 1000))
    wanted = {TopicPartition(topic.name, int(partition)): since for partition in topic.end_offsets}
    with _explained(settings):
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


def _offsets(admin: AdminClient, settings: Settings, partitions: list[int], which: OffsetSpec) -> Offsets:
    wanted = {TopicPartition(settings.kafka_topic, partition): which for partition in partitions}
    futures = admin.list_offsets(
        wanted, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=TIMEOUT_SECONDS
    )
    return {str(place.partition): future.result(2 * TIMEOUT_SECONDS).offset for place, future in futures.items()}


@contextmanager
def _explained(settings: Settings) -> Iterator[None]:
    """Turn the client's errors into ours."""
    try:
        yield
    except KafkaException as error:
        code = error.args[0].code()
        if code in (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE):
            raise LeaderUnknown(
                f"topic {settings.kafka_topic} at {settings.kafka_url}: {error.args[0].str()}"
            ) from error
        if code == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise TopicMissing(f"topic {settings.kafka_topic} does not exist at {settings.kafka_url}") from error
        raise KafkaUnavailable(f"no Kafka broker answers at {settings.kafka_url}: is it up?") from error


def _admin(settings: Settings) -> AdminClient:
    return AdminClient({"bootstrap.servers": settings.kafka_url, "log_level": 0})


def _exists(admin: AdminClient, settings: Settings) -> bool:
    with _explained(settings):
        return settings.kafka_topic in admin.list_topics(timeout=TIMEOUT_SECONDS).topics
