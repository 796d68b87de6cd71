"""A client of Kafka whose errors say what is wrong, in the words of the broker or of the client."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from web_traffic.errors import (
    KafkaRefused,
    KafkaUnavailable,
    LeaderUnknown,
    TopicMissing,
    TopicNotMade,
)
from web_traffic.settings import Settings

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
NO_LEADER = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.FENCED_LEADER_EPOCH,
)
"""What a broker says while leaders change, as after its start: it is temporary."""
NAME_UNKNOWN = KafkaError._RESOLVE  # noqa: SLF001
BAD_TOPIC = (
    KafkaError.TOPIC_EXCEPTION,
    KafkaError.INVALID_PARTITIONS,
    KafkaError.INVALID_CONFIG,
    KafkaError.INVALID_REQUEST,
    KafkaError.POLICY_VIOLATION,
)
"""Why a broker will never make a topic. Of too few brokers there may be more at the next try."""


@contextmanager
def asking(settings: Settings) -> Iterator[AdminClient]:
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
    if code in NO_LEADER:
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
