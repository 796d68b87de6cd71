"""The broker's side of Kafka, without Spark: the topic and its end offsets."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

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


class KafkaRefused(NeedsAttention):
    """The broker does not let this client in, or does not give it what it asks for; the message has its words."""


class TopicNotMade(NeedsAttention):
    """The broker does not make the topic; the message has its words."""


NOT_ALLOWED = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
)
NOT_LET_IN = (
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.UNSUPPORTED_SASL_MECHANISM,
    KafkaError._AUTHENTICATION,  # noqa: SLF001  the client's own codes begin with an underscore
)
NAME_UNKNOWN = KafkaError._RESOLVE  # noqa: SLF001
BAD_TOPIC = (
    KafkaError.TOPIC_EXCEPTION,
    KafkaError.INVALID_PARTITIONS,
    KafkaError.INVALID_CONFIG,
    KafkaError.INVALID_REQUEST,
    KafkaError.POLICY_VIOLATION,
)
"""Why a broker will never make a topic. Of too few brokers there may be more at the next try."""


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
    """Make the topic if the broker does not have it; True when it was made.

    Raises `KafkaUnavailable`, `KafkaRefused` or `TopicNotMade`.
    """
    with _asking(settings) as admin:
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
    with _asking(settings) as admin:
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
    resource = ConfigResource(ConfigResource.Type.TOPIC, settings.kafka_topic)
    with _asking(settings) as admin:
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
    with _asking(settings) as admin:
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


def _offsets(admin: AdminClient, settings: Settings, partitions: list[int], which: OffsetSpec) -> Offsets:
    wanted = {TopicPartition(settings.kafka_topic, partition): which for partition in partitions}
    futures = admin.list_offsets(
        wanted, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=TIMEOUT_SECONDS
    )
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


@contextmanager
def _asking(settings: Settings) -> Iterator[AdminClient]:
    """Give a client whose errors become ours; its answers end with it."""
    said: list[KafkaError] = []
    options: dict[str, Any] = {"bootstrap.servers": settings.kafka_url, "log_level": 0, "error_cb": said.append}
    admin = AdminClient(options)
    try:
        yield admin
    except (KafkaException, TimeoutError) as error:
        admin.poll(0)  # it hands over what the client said meanwhile of its connections
        answer = error.args[0] if isinstance(error, KafkaException) else None
        raise _explained(settings, answer, said) from error


def _explained(settings: Settings, answer: KafkaError | None, said: list[KafkaError]) -> Exception:
    """Return the error for an answer, or for its absence, with the words of the broker or of the client."""
    topic, where = f"topic {settings.kafka_topic}", f"Kafka at {settings.kafka_url}"
    errors = {error.code(): error.str() for error in (*said, *([answer] if answer else []))}
    code = answer.code() if answer else None
    if words := _first(errors, NOT_ALLOWED):
        return KafkaRefused(f"{where}, {topic}: {words}; give the client the rights (ACLs) that it lacks")
    if words := _first(errors, NOT_LET_IN):
        return KafkaRefused(f"{where}: {words}; correct the client's login or the broker's")
    if code == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return TopicMissing(f"{topic} does not exist at {settings.kafka_url}")
    if code in (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE):
        return LeaderUnknown(f"{topic} at {settings.kafka_url}: {errors[code]}")
    if code in BAD_TOPIC:
        return TopicNotMade(f"{where} does not make the {topic}: {errors[code]}; have it made by the administrator")
    if words := errors.get(NAME_UNKNOWN):
        return KafkaUnavailable(f"{where}: {words}; the name is in KAFKA_URL or the broker's advertised.listeners")
    if code is not None and code > 0:  # the broker's own
        return KafkaUnavailable(f"{where}, {topic}: {errors[code]}")
    return KafkaUnavailable(f"no Kafka broker answers at {settings.kafka_url}: is it up?")


def _first(errors: dict[int, str], codes: tuple[int, ...]) -> str | None:
    return next((errors[code] for code in codes if code in errors), None)
