"""The topic's side of a redrive: one Kafka transaction, and how to find out afterwards whether it was committed."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import UUID

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from web_traffic.errors import KafkaUnavailable, RedriveTakenOver, TooLarge
from web_traffic.faults import fault_point
from web_traffic.kafka import LATEST, Offsets, Topic
from web_traffic.kafka_client import failure, is_about_group, make_admin, make_consumer, make_producer, refusal
from web_traffic.redrive.ledger import Place, Record, Redriven
from web_traffic.settings import Settings

REDRIVE_ID = "redrive-id"
REDRIVEN_FROM = "redriven-from"
TIMEOUT_SECONDS = 20
SEND_SECONDS = 30
PROGRESS_SECONDS = 10
_MESSAGES_AT_ONCE = 200
_PRODUCER = {
    "acks": "all",
    "compression.type": "lz4",
    "batch.size": 100_000,
    "message.max.bytes": 1_000_000_000,  # the topic's own limit decides
    "message.timeout.ms": SEND_SECONDS * 1000,
    "transaction.timeout.ms": 60_000,  # so long may the transaction of a killed redrive hold up the topic's readers
    "log_level": 0,
}
_CONSUMER = {
    "group.id": "web_traffic_redrive",  # the client wants a name; nothing is committed under it
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    "auto.offset.reset": "error",
    "log_level": 0,
}
_SILENCE = logging.Logger("the client says what it raises anyway", logging.CRITICAL + 1)
_TOO_LARGE = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE)
_FENCED = (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH)  # noqa: SLF001


class RedriveTopic:
    """Sends records to the topic, all or none.

    A database and topic have one transactional id, so whoever opens this ends what an earlier process had open there,
    and locks it out.
    """

    def __init__(self, settings: Settings, producer: Producer) -> None:
        """Take a producer whose transactional id is open."""
        self._settings = settings
        self._producer = producer

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Fence earlier processes; afterwards each of their transactions is either committed or aborted."""
        database = urlsplit(settings.postgres_url).path.strip("/")
        transactional_id = f"web_traffic_redrive.{database}.{settings.kafka_topic}"
        producer = make_producer(settings, _PRODUCER | {"transactional.id": transactional_id, "logger": _SILENCE})
        with _explained(settings):
            producer.init_transactions(TIMEOUT_SECONDS)
        return cls(settings, producer)

    def send(self, redrive_id: UUID, records: Sequence[Record], topic: Topic) -> None:
        """Send all records in one transaction, each to the partition that it came from.

        Raises `TooLarge` when it was aborted for good; after any other error it is not known whether it was committed.
        """
        with _explained(self._settings):
            self._producer.begin_transaction()
            for record in records:
                self._producer.produce(
                    self._settings.kafka_topic,
                    record.value,
                    partition=record.place.partition % len(topic.end_offsets),  # its own, unless there are fewer now
                    headers=[(REDRIVEN_FROM, str(record.place).encode()), (REDRIVE_ID, str(redrive_id).encode())],
                )
            if self._producer.flush(SEND_SECONDS + 1):
                raise _unavailable(self._settings, "no answer")
            fault_point("redrive sent")
            self._commit(records, topic)

    def _commit(self, records: Sequence[Record], topic: Topic) -> None:
        try:
            self._producer.commit_transaction(TIMEOUT_SECONDS)
        except KafkaException as error:
            if error.args[0].code() not in _TOO_LARGE:
                raise
            self._producer.abort_transaction(TIMEOUT_SECONDS)
            largest = max(records, key=lambda record: len(record.value))
            raise TooLarge(
                f"the topic {topic.name} does not take all of {len(records):,} events, because of their size; the "
                f"largest is {largest.place} (topic id/partition/offset) with {len(largest.value):,} bytes: raise the "
                "topic's max.message.bytes, or select other events"
            ) from error


def _unavailable(settings: Settings, reason: str) -> KafkaUnavailable:
    return KafkaUnavailable(f"Kafka at {settings.kafka_url} does not do its part ({reason}): is it up?")


@contextmanager
def _explained(settings: Settings) -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        cause: KafkaError = error.args[0]
        if cause.code() in _FENCED:
            raise RedriveTakenOver("another redrive has taken over: wait for its end, then start again") from error
        raise refusal(settings, [cause]) or _unavailable(settings, cause.str()) from error


def redriven_records(settings: Settings, start: Offsets, tell: Callable[[str], None]) -> Iterator[Redriven]:
    """Yield the committed records of redrives at these offsets, one for each partition, or behind them.

    Complete once no process can commit any more. What other producers have open holds the view up: then, as
    when no broker answers, it raises `KafkaUnavailable`.
    """
    places = [TopicPartition(settings.kafka_topic, int(number), offset) for number, offset in start.items()]
    consumer = make_consumer(settings, _CONSUMER)
    try:
        ends = _written(settings, places)
        missing = {place.partition: end for place, end in zip(places, ends, strict=True) if place.offset < end}
        assigned = [place for place in places if place.partition in missing]
        progress = Progress(sum(missing[place.partition] - place.offset for place in assigned), tell)
        consumer.assign(assigned)
        for message in _read(consumer, settings, missing):
            progress.add()
            if redriven := _redriven(message):
                yield redriven
    except KafkaException as error:
        raise failure(settings, error) from error
    finally:
        consumer.close()


class Progress:
    """Tells now and then how far the search in the topic is."""

    def __init__(self, offsets: int, tell: Callable[[str], None]) -> None:
        self._offsets = offsets
        self._tell = tell
        self._read = 0
        self._told_at = time.monotonic()

    def add(self) -> None:
        """Count a record."""
        self._read += 1
        if time.monotonic() - self._told_at > PROGRESS_SECONDS:
            self._told_at = time.monotonic()
            self._tell(f"searched {self._read:,} of {self._offsets:,} records for events that went back before")


def _redriven(message: Message) -> Redriven | None:
    headers: dict[str, Any] = dict(message.headers() or [])
    try:
        return Redriven(Place.parse(str(headers[REDRIVEN_FROM], "utf-8")), UUID(str(headers[REDRIVE_ID], "utf-8")))
    except (KeyError, TypeError, ValueError):  # of a producer, which may have such headers of its own
        return None


def _written(settings: Settings, places: list[TopicPartition]) -> list[int]:
    """Return the ends of the partitions, records of open transactions included."""
    admin = make_admin(settings, {})
    wanted = {TopicPartition(place.topic, place.partition): LATEST for place in places}
    futures = admin.list_offsets(wanted, request_timeout=TIMEOUT_SECONDS)
    ends = {place.partition: future.result(2 * TIMEOUT_SECONDS).offset for place, future in futures.items()}
    return [ends[place.partition] for place in places]


def _read(consumer: Consumer, settings: Settings, missing: dict[int, int]) -> Iterator[Message]:
    """Return the readable records up to these ends; a partition's end shows itself as a message with an error."""
    heard_at = time.monotonic()
    while missing:
        messages = consumer.consume(_MESSAGES_AT_ONCE, timeout=1)
        if messages:
            heard_at = time.monotonic()
        elif time.monotonic() - heard_at > TIMEOUT_SECONDS:
            raise KafkaUnavailable(
                f"Kafka at {settings.kafka_url} shows nothing more of {settings.kafka_topic} for {TIMEOUT_SECONDS} s: "
                "it is down, or another producer holds a transaction open; start again later"
            )
        for message in messages:
            error, partition, offset = message.error(), message.partition(), message.offset()
            if is_about_group(message):
                continue
            if error is None:
                yield message
            elif error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001  (that is its public name)
                raise KafkaException(error)
            reached = (offset or 0) + (error is None)
            if partition in missing and reached >= missing[partition]:
                del missing[partition]
                consumer.incremental_unassign([TopicPartition(settings.kafka_topic, partition)])
