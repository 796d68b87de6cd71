"""The broker's side of Kafka, without Spark: the topic and its end offsets."""

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec  # type: ignore[attr-defined]

from web_traffic.checkpoint import Offsets
from web_traffic.settings import Settings

TIMEOUT_SECONDS = 20
LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]


class KafkaUnavailable(ConnectionError):
    """No broker answers; the message names the address."""


class TopicMissing(LookupError):
    """The broker does not have the topic."""


def ensure_topic(settings: Settings) -> bool:
    """Make the topic if the broker does not have it; True when it was made."""
    admin = _admin(settings)
    if _partitions(admin, settings):
        return False
    topic = NewTopic(settings.kafka_topic, num_partitions=settings.kafka_topic_partitions)
    try:
        admin.create_topics([topic], operation_timeout=TIMEOUT_SECONDS)[settings.kafka_topic].result(TIMEOUT_SECONDS)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
        return False
    return True


def topic_id(settings: Settings) -> str:
    """Kafka's own id of the topic; a topic that is made anew under the same name has another.

    Raises `KafkaUnavailable` or `TopicMissing`.
    """
    admin = _admin(settings)  # its answers end with it
    topics = TopicCollection([settings.kafka_topic])
    try:
        answer = admin.describe_topics(topics, request_timeout=TIMEOUT_SECONDS)[settings.kafka_topic]
        return str(answer.result(2 * TIMEOUT_SECONDS).topic_id)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise TopicMissing(f"topic {settings.kafka_topic} does not exist at {settings.kafka_url}") from error
        raise KafkaUnavailable(f"no Kafka broker answers at {settings.kafka_url}: is it up?") from error


def end_offsets(settings: Settings) -> Offsets:
    """Offset after the last readable record (of committed transactions), by partition.

    Raises `KafkaUnavailable` or `TopicMissing`.
    """
    admin = _admin(settings)
    partitions = _partitions(admin, settings)
    if not partitions:
        raise TopicMissing(f"topic {settings.kafka_topic} does not exist at {settings.kafka_url}")
    latest = {TopicPartition(settings.kafka_topic, number): LATEST for number in partitions}
    futures = admin.list_offsets(
        latest, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=TIMEOUT_SECONDS
    )
    return {str(partition.partition): future.result(TIMEOUT_SECONDS).offset for partition, future in futures.items()}


def _admin(settings: Settings) -> AdminClient:
    return AdminClient({"bootstrap.servers": settings.kafka_url, "log_level": 0})


def _partitions(admin: AdminClient, settings: Settings) -> list[int]:
    try:
        topics = admin.list_topics(timeout=TIMEOUT_SECONDS).topics
    except KafkaException as error:
        raise KafkaUnavailable(f"no Kafka broker answers at {settings.kafka_url}: is it up?") from error
    return sorted(topics[settings.kafka_topic].partitions) if settings.kafka_topic in topics else []
