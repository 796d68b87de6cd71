"""Finds the records that a restatement reads: by the ledger, all that may belong to its interval.

The ledger knows when each batch was planned, and the oldest and newest Kafka timestamp of its records. A batch is left
out only if none of its records can belong to the interval. Records that no batch has read yet are always read.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from web_traffic.checkpoint import Offsets
from web_traffic.errors import RetentionGap
from web_traffic.kafka import Found, Topic, find_since
from web_traffic.kafka_time import EARLIEST_MS, milliseconds, written
from web_traffic.settings import Interval, Settings
from web_traffic.statements import statements_beside
from web_traffic.unreadable import find_unreadable

statement = statements_beside(__file__)


class KnownBatch(NamedTuple):
    """A batch of the ledger, or all that a query read before it could read events of the interval."""

    query_id: UUID
    batch_id: int
    start_offsets: Offsets
    end_offsets: Offsets
    """Exclusive."""
    is_timed: bool
    """Whether all of its records have a Kafka timestamp."""
    may_hold: bool
    """Whether it may hold events of the interval."""
    max_clock_skew_us: int
    gap: dict[str, list[int]] | None
    """Lost offsets that its run was told to go on without, by partition."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The records to read, by partition."""

    start_offsets: Offsets
    end_offsets: Offsets
    """Exclusive."""
    doubt: str | None
    """Deleted records that belong to other intervals probably, but not provably; None if there are none."""
    left_out: dict[int, frozenset[int]]
    """Offsets among them of records that Spark can't read, by partition."""
    known: tuple[UUID, int] | None
    """Query and number of the newest batch that the ledger knew."""

    @property
    def records(self) -> int:
        """How many records lie between the offsets."""
        return sum(self.end_offsets[name] - start for name, start in self.start_offsets.items())


def plan_reading(
    settings: Settings,
    connection: psycopg.Connection[Any],
    topic: Topic,
    interval: Interval,
    allowed_lateness: timedelta,
) -> Reading:
    """Find the records of an interval; raises `RetentionGap` when Kafka no longer holds all of them."""
    parameters = {
        "topic_id": topic.id,
        "restate_from": interval.start,
        "restate_to": interval.end,
        "allowed_lateness": allowed_lateness,
        "max_clock_skew": settings.max_clock_skew,
        "earliest_ms": EARLIEST_MS,
    }
    with connection.transaction():
        batches = [KnownBatch(*row) for row in connection.execute(statement("batches_to_read"), parameters)]
    skews = (timedelta(microseconds=batch.max_clock_skew_us) for batch in batches)
    skew = max([settings.max_clock_skew, *skews])
    [found] = find_since(settings, topic, [milliseconds(interval.start - skew)])
    needed = [batch for batch in batches if batch.may_hold]
    _require_held(topic, interval, interval.start - skew, needed, found)
    starts, ends = {}, {}
    for partition, end in topic.end_offsets.items():
        read_until = max((batch.end_offsets.get(partition, 0) for batch in batches), default=0)
        ranges = [_range(batch, partition, topic, found) for batch in needed]
        ranges += [(read_until, end)] if read_until < end else []
        ranges += _unread(batches, partition)
        ranges = [(max(start, topic.first_offsets[partition]), min(stop, end)) for start, stop in ranges]
        ranges = [(start, stop) for start, stop in ranges if start < stop]
        starts[partition] = min((start for start, _ in ranges), default=end)
        ends[partition] = max((stop for _, stop in ranges), default=end)
    known = (batches[-1].query_id, batches[-1].batch_id) if batches else None
    unreadable = [
        (int(record.partition), record.offset)
        for record in find_unreadable(settings, topic, starts)
        if record.offset < ends[record.partition]
    ]
    left_out = {
        partition: frozenset(offset for place, offset in unreadable if place == partition)
        for partition, _ in unreadable
    }
    return Reading(starts, ends, _doubt(topic, batches), left_out, known)


def _unread(batches: Iterable[KnownBatch], partition: str) -> Iterator[tuple[int, int]]:
    """Yield the offsets between batches that no batch has read: a run was told to go on without them."""
    read = sorted(
        (batch.start_offsets.get(partition, 0), batch.end_offsets[partition])
        for batch in batches
        if partition in batch.end_offsets
    )
    read_until = read[0][0] if read else 0
    for start, end in read:
        if read_until < start:
            yield read_until, start
        read_until = max(read_until, end)


def _range(batch: KnownBatch, partition: str, topic: Topic, found: Mapping[str, Found]) -> tuple[int, int]:
    """Return the part of a batch that may hold events of the interval.

    If all of its records have a timestamp, those ahead of the first one that is new enough are too old.
    """
    start, end = batch.start_offsets.get(partition, 0), batch.end_offsets.get(partition, 0)
    if batch.is_timed and found[partition].offset > topic.first_offsets[partition]:
        start = max(start, found[partition].offset)
    return start, end


def _require_held(
    topic: Topic, interval: Interval, oldest: datetime, needed: Iterable[KnownBatch], found: Mapping[str, Found]
) -> None:
    gaps = {}
    for batch in needed:
        for partition, first in topic.first_offsets.items():
            start, end = _range(batch, partition, topic, found)
            if start < min(end, first) or batch.start_offsets.get(partition, 0) < end <= first:
                gaps[partition] = _begins(partition, first, found[partition])
    if gaps:
        raise RetentionGap(
            f"{interval}: its events may be as old as {oldest:%Y-%m-%d %H:%M:%S} UTC in Kafka, and records of that "
            f"age are deleted there ({'; '.join(gaps.values())}): restate only windows of later records"
        )


def _begins(partition: str, first: int, found: Found) -> str:
    if found.timestamp_ms is None:
        return f"partition {partition} begins at offset {first}, where nothing of that age is left"
    return f"partition {partition} begins at offset {first}, of {written(found.timestamp_ms)}"


def _doubt(topic: Topic, batches: Sequence[KnownBatch]) -> str | None:
    """Name the deleted parts of batches that may belong to the interval; at most timestamps say that they don't."""
    places = set()
    later: list[dict[str, list[int]]] = []
    for batch in reversed(batches):
        for partition, first in topic.first_offsets.items() if batch.may_hold else ():
            start, end = batch.start_offsets.get(partition, 0), batch.end_offsets.get(partition, 0)
            if start < first < end:
                places.add(f"partition {partition} before offset {first}")
            for gap in later:
                lost, last = gap.get(partition, [end, end])
                if lost < end and start < last and first < last:
                    places.add(f"partition {partition}, offsets {lost} to {last}")
        if batch.gap:
            later.append(batch.gap)
    return ", ".join(sorted(places)) or None
