"""The two sides of a recount: the topic in Kafka, and what PostgreSQL holds."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

import psycopg
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from psycopg.rows import TupleRow

from web_traffic.recount.counting import Batch, Record, Window
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect

_TIMEOUT_SECONDS = 20
_MESSAGES_AT_ONCE = 10_000

Ranges = dict[int, tuple[int, int]]
"""First and last offset (exclusive) by partition."""


class RecountImpossible(Exception):
    """The numbers can't be checked: a side can't be reached, or Kafka no longer holds the records."""


@dataclass(frozen=True, slots=True)
class Warehouse:
    """Ledger, high-water mark and result table at one moment."""

    batches: list[Batch]
    sealed_until_us: int | None
    windows: Counter[Window]


def read_warehouse(settings: Settings) -> Warehouse:
    """Read all from one snapshot, so runs may go on meanwhile; raises `RecountImpossible`."""
    try:
        with connect(settings) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            batches = [as_batch(*row) for row in _rows(connection, "ledger")]
            sealed_until = [sealed_until_us for (sealed_until_us,) in _rows(connection, "sealed_until")]
            windows: Counter[Window] = Counter()
            for window_start_us, host, referrer, hits in _rows(connection, "windows"):
                windows[window_start_us, host, referrer] += hits
    except psycopg.Error as error:
        reason = str(error).partition("\n")[0]
        raise RecountImpossible(f"PostgreSQL at {settings.postgres_url}: {reason}") from error
    return Warehouse(batches, sealed_until[0] if sealed_until else None, windows)


def offset_ranges(batches: list[Batch]) -> Ranges:
    """Return the offsets that the batches have read. A partition without a start was read from its first record."""
    ranges: Ranges = {}
    for batch in batches:
        for partition, end in batch.end_offsets.items():
            start = batch.start_offsets.get(partition, 0)
            first, last = ranges.get(partition, (start, end))
            ranges[partition] = min(first, start), max(last, end)
    return ranges


def read_topic(settings: Settings, ranges: Ranges) -> Iterator[Record]:
    """Read the records of these offsets, in order within a partition; joins no consumer group and commits nothing.

    Raises `RecountImpossible` when the broker does not answer, or does not hold all of them.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_url,
            "group.id": "web_traffic_recount",  # the client wants a name; nothing is committed under it
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",
            "log_level": 2,
        }
    )
    try:
        _check_ranges(consumer, settings, ranges)
        wanted = {partition: last for partition, (first, last) in ranges.items() if first < last}
        consumer.assign([TopicPartition(settings.kafka_topic, number, ranges[number][0]) for number in wanted])
        yield from _read(consumer, settings, wanted)
    except KafkaException as error:
        raise RecountImpossible(f"Kafka at {settings.kafka_url}: {error.args[0].str()}") from error
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
            raise RecountImpossible(
                f"partition {number} of {settings.kafka_topic}: the batches have read offsets {first} to {last}, "
                f"Kafka holds {low} to {high}: retention has deleted some, or the topic was made anew"
            )


def _rows(connection: psycopg.Connection[TupleRow], name: str) -> Iterator[TupleRow]:
    statement = (resources.files("web_traffic.recount") / f"{name}.sql").read_bytes()
    with connection.cursor(name=f"recount_{name}") as cursor:
        cursor.itersize = 20_000
        yield from cursor.execute(statement)


def as_batch(
    query_id: str,
    batch_id: int,
    start_offsets: dict[str, int],
    end_offsets: dict[str, int],
    watermark_us: int | None,
    planned_us: int,
    *counts: int | None,
) -> Batch:
    """Return a row of the ledger as a batch; `counts` are read, rejected and future."""
    return Batch(
        query_id,
        batch_id,
        {int(partition): offset for partition, offset in start_offsets.items()},
        {int(partition): offset for partition, offset in end_offsets.items()},
        watermark_us,
        planned_us,
        *counts,
    )
