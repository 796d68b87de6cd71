"""Counts from the topic's records what the ledger's batches must have counted."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from web_traffic.recount.rules import Future, Hit, Rejected, Window, classify

FIRST_KAFKA_MS = 1_293_840_000_000
REJECTED_EARLIER = Rejected("rejected earlier")

Ranges = dict[int, tuple[int, int]]
"""First and last offset (exclusive) by partition."""


class Place(NamedTuple):
    """Where a record is in its topic."""

    partition: int
    offset: int


class Record(NamedTuple):
    """A Kafka record."""

    partition: int
    offset: int
    timestamp_ms: int
    value: bytes | None

    def reached_us(self, clock_us: int) -> int:
        """Return the latest time at which it can have reached Kafka, for a reader whose clock was `clock_us`.

        That is its timestamp, or the clock if the timestamp is later or implausible: before 2011 there was no Kafka.
        """
        return min(self.timestamp_ms * 1000, clock_us) if self.timestamp_ms >= FIRST_KAFKA_MS else clock_us


@dataclass(frozen=True, slots=True)
class Batch:
    """A row of the ledger `etl.batch`; times in microseconds since the epoch.

    A partition that `start_offsets` does not name is read from its first record.
    """

    query_id: str
    batch_id: int
    start_offsets: dict[int, int]
    end_offsets: dict[int, int]
    """Exclusive."""
    watermark_us: int | None
    planned_us: int
    window_us: int
    """How long its windows are, by the fingerprint of its checkpoint."""
    read: int | None = None
    rejected: int | None = None
    future: int | None = None
    max_clock_skew_us: int | None = None
    """How far an event could be ahead of its Kafka timestamp; None if the ledger does not say."""
    run_id: int | None = None
    gap: Ranges = field(default_factory=dict)
    """Lost offsets that a person has told the run to go on without."""
    topic_id: str | None = None
    never_there: Ranges = field(default_factory=dict)
    """Offsets of the gap that Kafka had deleted before the batch could read them."""
    lost: Ranges = field(default_factory=dict)
    """Offsets that it read, and that now hold no record or another one: see `gaps`."""
    is_cut: bool = False
    """Whether earlier batches of the query were left out, because Kafka no longer holds their records."""

    def __str__(self) -> str:
        return f"batch {self.batch_id} of query {self.query_id}"

    def ranges(self) -> Iterator[tuple[int, int, int]]:
        """Yield partition, first offset and end of each range that it read, if the range can be read again."""
        for partition, end in self.end_offsets.items():
            start = self.start_offsets.get(partition, 0)
            for first, last in sorted(gone[partition] for gone in (self.never_there, self.lost) if partition in gone):
                if start < min(first, end):
                    yield partition, start, min(first, end)
                start = max(start, last)
            if start < end:
                yield partition, start, end


@dataclass(slots=True)
class Tally:
    """The counts of one batch's records."""

    window_us: int
    """How long its windows are."""
    read: int = 0
    rejected: int = 0
    future: int = 0
    newest_us: int | None = None
    hits: Counter[Window] = field(default_factory=Counter)

    def add(self, verdict: Hit | Rejected | Future) -> None:
        """Take the verdict on one record into account."""
        self.read += 1
        match verdict:
            case Rejected():
                self.rejected += 1
            case Future():
                self.future += 1
            case Hit():
                self.hits[verdict.window(self.window_us)] += 1
                self.newest_us = max(verdict.event_us, self.newest_us or verdict.event_us)


def tally(
    records: Iterable[Record], batches: list[Batch], max_clock_skew_us: int, rejected_us: Mapping[Place, int]
) -> list[Tally]:
    """Judge the records of each batch, in the order of `batches`.

    The records of a partition must come in the order of their offsets. A batch's clock is the time of its planning.
    The ledger says how far an event could be ahead; if it does not, `max_clock_skew_us` does.
    A record that was rejected before a batch was planned (`rejected_us`) is rejected in the batch, too: only a redrive
    sends it back.
    """
    tallies = [Tally(batch.window_us) for batch in batches]
    find = Finder(batches)
    for record in records:
        for index in find.batches_of(record):
            planned_us = batches[index].planned_us
            if rejected_us.get(Place(record.partition, record.offset), planned_us) < planned_us:
                tallies[index].add(REJECTED_EARLIER)
                continue
            skew_us = batches[index].max_clock_skew_us
            until_us = record.reached_us(planned_us) + (max_clock_skew_us if skew_us is None else skew_us)
            tallies[index].add(classify(record.value, until_us))
    return tallies


class Finder:
    """Finds the batches (one of each query, at most) that have read a record."""

    def __init__(self, batches: list[Batch]) -> None:
        self._ranges: dict[tuple[str, int], list[tuple[int, int, int]]] = {}
        for index, batch in enumerate(batches):
            for partition, start, end in batch.ranges():
                self._ranges.setdefault((batch.query_id, partition), []).append((end, start, index))

    def batches_of(self, record: Record) -> Iterator[int]:
        """Yield the indexes of these batches."""
        for (_, partition), ranges in self._ranges.items():
            if partition != record.partition:
                continue
            place = bisect_right(ranges, record.offset, key=lambda batch_range: batch_range[0])
            if place < len(ranges) and ranges[place][1] <= record.offset:
                yield ranges[place][2]
