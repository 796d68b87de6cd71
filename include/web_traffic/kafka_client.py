"""All clients of Kafka are made here. Their errors say what is wrong, in the words of the broker or of the client."""

import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import wait
from contextlib import contextmanager
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicCollection
from confluent_kafka.admin import AdminClient

from web_traffic.errors import (
    KafkaRefused,
    KafkaUnavailable,
    LeaderUnknown,
    SettingsError,
    TopicMissing,
    TopicNotMade,
)
from web_traffic.kafka_iam import IAM, make_token, require_token
from web_traffic.kafka_listener import protocols_of
from web_traffic.kafka_tls import certificate_flaw
from web_traffic.settings import Settings

Client = TypeVar("Client", AdminClient, Consumer, Producer)

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
TLS_ALERT = re.compile(r"alert (?:[\w ]*certificate[\w ]*|unknown ca|access denied)")
"""What a broker sends that does not accept the client's certificate, or gets none."""
NO_LEADER = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.FENCED_LEADER_EPOCH,
)
"""What a broker says while leaders change, as after its start: it is temporary."""
NAME_UNKNOWN = KafkaError._RESOLVE  # noqa: SLF001
SERVER = re.compile(r"://([^/\s]+)/")
"""Where a client's words name a broker."""
BAD_TOPIC = (
    KafkaError.TOPIC_EXCEPTION,
    KafkaError.INVALID_PARTITIONS,
    KafkaError.INVALID_CONFIG,
    KafkaError.INVALID_REQUEST,
    KafkaError.POLICY_VIOLATION,
)
"""Why a broker will never make a topic. Of too few brokers there may be more at the next try."""


def make_consumer(settings: Settings, own: Mapping[str, Any]) -> Consumer:
    """Make a consumer with properties of its own; the `group.id` of the settings, if any, takes the place of its."""
    return _made(Consumer, dict(own) | _config(settings))


def make_producer(settings: Settings, own: Mapping[str, Any]) -> Producer:
    """Make a producer with properties of its own."""
    return _made(Producer, dict(own) | _config(settings, without="group.id"))


def make_admin(settings: Settings, own: Mapping[str, Any]) -> AdminClient:
    """Make a client that asks and orders, with properties of its own; outside `asking` its errors are the client's."""
    return _made(AdminClient, {"log_level": 0} | dict(own) | _config(settings, without="group.id"))


def _config(settings: Settings, without: str | None = None) -> dict[str, Any]:
    config: dict[str, Any] = {name: value for name, value in settings.kafka_config.items() if name != without}
    if IAM in config:
        require_token(config[IAM])
        config["oauth_cb"] = make_token
    return config | {"bootstrap.servers": settings.kafka_url}


def _made(kind: type[Client], config: dict[str, Any]) -> Client:
    """Make a client; librdkafka has looked at each property and read each file by then."""
    try:
        return kind(config)
    except KafkaException as error:
        raise SettingsError(f"Kafka's client can't be made: {error.args[0].str()}; correct KAFKA_CONFIG") from None


def is_about_group(message: Message) -> bool:
    """Whether it says only that the client has no right to its consumer group, which librdkafka looks for.

    No client here commits anything, so it needs no group. The records follow all the same.
    """
    error = message.error()
    return error is not None and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED


@contextmanager
def asking(settings: Settings, seconds: float) -> Iterator[AdminClient]:
    """Give a client whose errors become ours; its answers end with it.

    The broker has so many seconds to answer at all. A login that it refuses ends that at once.
    """
    said: list[KafkaError] = []
    admin = make_admin(settings, {"error_cb": said.append})
    try:
        _log_in(settings, admin, said, seconds)
        yield admin
    except (KafkaException, TimeoutError) as error:
        admin.poll(0)  # it hands over what the client said meanwhile of its connections
        answer = error.args[0] if isinstance(error, KafkaException) else None
        known = refusal(settings, [*said, answer]) or (_other_protocol(settings, said) if said else None)
        raise known or _explained(settings, answer, said) from error


def _log_in(settings: Settings, admin: AdminClient, said: list[KafkaError], seconds: float) -> None:
    """Wait for the broker's first answer, or for a refusal: the client itself would go on trying until a time-out."""
    asked = admin.describe_topics(TopicCollection([settings.kafka_topic]), request_timeout=seconds)
    answer = asked[settings.kafka_topic]
    is_asked = False
    while not answer.done():
        wait([answer], 0.05)
        admin.poll(0)
        if refused := refusal(settings, said):
            raise refused
        if said and not is_asked:
            is_asked = True
            if other := _other_protocol(settings, said):
                raise other
    error = answer.exception()
    if isinstance(error, KafkaException) and error.args[0].code() < 0:  # the client's own word: nobody has answered
        raise error


def refusal(settings: Settings, errors: Iterable[KafkaError | None]) -> KafkaRefused | None:
    """Return the error for a client that may not come in, or may not have what it asks for; None if it may."""
    topic, where = f"topic {settings.kafka_topic}", f"Kafka at {settings.kafka_url}"
    for code, words in ((error.code(), error.str().rstrip(".")) for error in errors if error):
        if code in NOT_ALLOWED:
            return KafkaRefused(f"{where}, {topic}: {words}; give the client the rights (ACLs) that it lacks")
        if code in NOT_LET_IN and "SASL state" in words and (other := _other_protocol(settings, ())):
            return other
        if code in NOT_LET_IN:
            return KafkaRefused(f"{where}: {words}; correct the client's login or the broker's")
        if "certificate verify failed" in words:
            return KafkaRefused(f"{where}: {_unverified(settings, words)}")
        if alert := TLS_ALERT.search(words):
            return KafkaRefused(
                f"{where}: the broker does not accept the client's certificate ({alert[0]}); correct "
                "ssl.certificate.location and ssl.key.location"
            )
    return None


def _other_protocol(settings: Settings, said: Iterable[KafkaError]) -> KafkaRefused | None:
    """Return the error for a listener that speaks another protocol than the client; None if that does not show.

    One of several servers in `KAFKA_URL` is enough for a client. Where brokers send it further must be right, too.
    """
    ours = settings.kafka_config.get("security.protocol", "PLAINTEXT").upper()
    given = {server.strip() for server in settings.kafka_url.split(",")}
    advertised = {server for error in said for server in SERVER.findall(error.str())} - given
    spoken = {server: protocols_of(server) for server in sorted(given | advertised)}
    others = {server: protocols for server, protocols in spoken.items() if protocols and ours not in protocols}
    if any(ours in spoken[server] for server in given):
        others = {server: protocols for server, protocols in others.items() if server in advertised}
    for server, protocols in others.items():
        return KafkaRefused(
            f"Kafka at {server}: this listener speaks {' or '.join(sorted(protocols))}, and security.protocol is "
            f"{ours}: correct security.protocol, or the port in KAFKA_URL"
        )
    return None


def failure(settings: Settings, error: KafkaException) -> KafkaRefused | KafkaUnavailable:
    """Return our error for one of the client: a refusal, or that Kafka can't serve now."""
    cause: KafkaError = error.args[0]
    return refusal(settings, [cause]) or KafkaUnavailable(f"Kafka at {settings.kafka_url}: {cause.str()}")


def _unverified(settings: Settings, words: str) -> str:
    found = re.search(r"://(\S+?)/", words)
    server = found[1] if found else settings.kafka_url.split(",")[0]
    flaw = certificate_flaw(server, settings.kafka_config)
    if flaw and "mismatch" in flaw:
        return (
            f"the certificate of {server} is not for this name: {flaw}; correct the name in KAFKA_URL or the broker's"
        )
    flaw = flaw or "certificate verify failed"
    return f"the certificate of {server} is not trusted: {flaw}; correct ssl.ca.location or the broker's certificate"


def _explained(settings: Settings, answer: KafkaError | None, said: list[KafkaError]) -> Exception:
    """Return the error for an answer, or for its absence, with the words of the broker or of the client."""
    topic, where = f"topic {settings.kafka_topic}", f"Kafka at {settings.kafka_url}"
    errors = {error.code(): error.str() for error in (*said, *([answer] if answer else []))}
    code = answer.code() if answer else None
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
    if words := next((error.str() for error in said if "SSL" in error.str()), None):
        return KafkaUnavailable(f"{where}: {words}")
    return KafkaUnavailable(f"no Kafka broker answers at {settings.kafka_url}: is it up?")
