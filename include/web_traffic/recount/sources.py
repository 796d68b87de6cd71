"""The two sides of a recount: the topic in Kafka, and what PostgreSQL holds."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from web_traffic.errors import KafkaUnavailable, RecordsMissing, RecountImpossible, TopicMissing
from web_traffic.kafka import describe_topic
from web_traffic.kafka_client import is_about_group, make_consumer, refusal
from web_traffic.recount.counting import Batch, Place, Ranges, Record
from web_traffic.recount.gaps import missing, without_lost
from web_traffic.recount.restating import Restatement
from web_traffic.recount.rules import Window
from web_traffic.settings import Settings
from web_traffic.statements import statements_beside
from web_traffic.warehouse.connection import connect

statement = statements_beside(__name__)
_TIMEOUT_SECONDS = 20
_MESSAGES_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Warehouse:
    """Ledger, restatements, high-water mark and result table at one moment."""

    batches: list[Batch]
    restatements: list[Restatement]
    sealed_until_us: int | None
    windows: Counter[Window]
    rejected_us: dict[Place, int]
    """When records of the topic as it is now were rejected."""
    disagreements: list[str]
    """Where the ledger is not whole."""


def read_warehouse(settings: Settings) -> Warehouse:
    """Read all from one snapshot, so runs may go on meanwhile; raises `RecountImpossible`."""
    try:
        with connect(settings) as connection:
            topic = describe_topic(settings)
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            batches = [as_batch(*row) for row in _rows(connection, "ledger")]
            disagreements = list(missing(batches, topic.id))
            restatements = [_restatement(*row) for row in _rows(connection, "restatements")]
            sealed_until = [sealed_until_us for (sealed_until_us,) in _rows(connection, "sealed_until")]
            windows: Counter[Window] = Counter()
            for *window, hits in _rows(connection, "windows"):
                windows[Window(*window)] += hits
            rejected = rejected_times(connection, topic.id, topic.first_offsets)
    except TopicMissing as error:
        raise RecordsMissing(str(error)) from error
    except KafkaUnavailable as error:
        raise RecountImpossible(str(error)) from error
    except psycopg.Error as error:
        reason = str(error).partition("\n")[0]
        raise RecountImpossible(f"PostgreSQL at {settings.postgres_url}: {reason}") from error
    batches = without_lost(batches, topic.id, _by_number(topic.first_offsets))
    sealed_until_us = sealed_until[0] if sealed_until else None
    return Warehouse(batches, restatements, sealed_until_us, windows, rejected, disagreements)


def rejected_times(
    connection: psycopg.Connection[Any], topic_id: str, first_offsets: Mapping[str, int]
) -> dict[Place, int]:
    """Return when records of a topic were rejected, from these offsets on, in microseconds since the epoch."""
    about = {
        "topic_id": topic_id,
        "partitions": [int(partition) for partition in first_offsets],
        "offsets": list(first_offsets.values()),
    }
    return {Place(*place): at_us for *place, at_us in _rows(connection, "rejected", about)}


def offset_ranges(batches: Iterable[Batch], restatements: Iterable[Restatement] = ()) -> Ranges:
    """Return the offsets that these have read. A partition without a start was read from its first record."""
    ranges: Ranges = {}
    readers: list[Batch | Restatement] = [*batches, *restatements]
    for reader in readers:
        for partition, start, end in reader.ranges():
            first, last = ranges.get(partition, (start, end))
            ranges[partition] = min(first, start), max(last, end)
    return ranges


def read_topic(settings: Settings, ranges: Ranges) -> Iterator[Record]:
    """Read the records of these offsets, in order within a partition; joins no consumer group and commits nothing.

    Raises `RecountImpossible` when the broker does not answer, or does not hold all of them.
    """
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


def _rows(
    connection: psycopg.Connection[Any], name: str, parameters: Mapping[str, Any] | None = None
) -> Iterator[tuple[Any, ...]]:
    with connection.cursor(name=f"recount_{name}") as cursor:
        cursor.itersize = 20_000
        yield from cursor.execute(statement(name), parameters)


def as_batch(
    query_id: str,
    batch_id: int,
    start_offsets: dict[str, int],
    end_offsets: dict[str, int],
    watermark_us: int | None,
    planned_us: int,
    window_us: int | None,
    read: int | None = None,
    rejected: int | None = None,
    future: int | None = None,
    max_clock_skew_us: int | None = None,
    run_id: int | None = None,
    gap: dict[str, list[int]] | None = None,
    topic_id: str | None = None,
) -> Batch:
    """Return a row of the ledger as a batch; of its gap, what is of its own topic.

    Raises `RecountImpossible` when the ledger does not say how long its windows are.
    """
    own_gap = {int(name): (first, end) for name, (first, end) in (gap or {}).items() if name.isdecimal()}
    offsets = _by_number(start_offsets), _by_number(end_offsets)
    figures = read, rejected, future, max_clock_skew_us
    length_us = _require_length(window_us)
    return Batch(
        query_id, batch_id, *offsets, watermark_us, planned_us, length_us, *figures, run_id, own_gap, topic_id
    )


def _restatement(
    from_us: int,
    to_us: int,
    allowed_lateness_us: int,
    started_us: int,
    start_offsets: dict[str, int],
    end_offsets: dict[str, int],
    closes_idle_windows: bool,
    window_us: int | None,
    max_clock_skew_us: int | None,
    known_query_id: str | None,
    known_batch: int | None,
) -> Restatement:
    return Restatement(
        from_us,
        to_us,
        allowed_lateness_us,
        started_us,
        _by_number(start_offsets),
        _by_number(end_offsets),
        closes_idle_windows,
        _require_length(window_us),
        max_clock_skew_us,
        None if known_query_id is None or known_batch is None else (known_query_id, known_batch),
    )


def _require_length(window_us: int | None) -> int:
    if window_us is None:
        raise RecountImpossible("etl.checkpoint does not say how long windows are")
    return window_us


def _by_number(offsets: dict[str, int]) -> dict[int, int]:
    return {int(partition): offset for partition, offset in offsets.items()}
