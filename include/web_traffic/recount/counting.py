"""Counts from the topic's records what the ledger's batches must have counted."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from web_traffic.recount.rules import Future, Hit, Rejected, Window, classify, written

WATERMARK_DELAY_MS = 60_000
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


@dataclass(slots=True)
class Expected:
    """The windows that must be in the table, and the counts of all other records."""

    windows: Counter[Window] = field(default_factory=Counter)
    sealed_until_us: int | None = None
    read: int = 0
    rejected: int = 0
    future: int = 0
    late: int = 0
    superseded: int = 0
    open_hits: int = 0
    """Of the newest query, which counts again what an abandoned checkpoint left open."""
    disagreements: list[str] = field(default_factory=list)
    """Where the ledger and the records disagree."""
    unsure_until_us: int = 0
    """Windows that begin before then may hold hits of records that Kafka no longer has."""


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


def expect(batches: list[Batch], tallies: list[Tally]) -> Expected:
    """Apply the watermark, batch by batch and query by query, in the order in which they were committed.

    A batch runs under the newest event time of the batches before it, less a minute (and never goes back). It emits
    the windows that end at or before that watermark. It drops events as late if their window was emitted by the batch
    *before* it: Spark 3.4 and later tell the two apart (SPARK-40925). Windows that an earlier query has sealed are not
    written again: their hits are superseded. Before its first event a query's watermark is 1970, so older events are
    always late.
    """
    expected = Expected()
    by_query: dict[str, list[tuple[Batch, Tally]]] = {}
    for batch, counted in zip(batches, tallies, strict=True):
        by_query.setdefault(batch.query_id, []).append((batch, counted))
    for query in by_query.values():
        _expect_query(expected, query)
    return expected


def _expect_query(expected: Expected, query: list[tuple[Batch, Tally]]) -> None:
    expected.open_hits = 0  # a new query counts again what the one before left open
    window_us = query[0][0].window_us
    watermark_us = emitted_until_us = 0
    newest_us = 0
    accepted: Counter[Window] = Counter()
    has_lost = False
    for batch, counted in query:
        watermark_us = max(watermark_us, newest_us // 1000 * 1000 - WATERMARK_DELAY_MS * 1000)
        if has_lost := has_lost or bool(batch.lost):  # its figures can't be found any more
            watermark_us = max(watermark_us, batch.watermark_us or 0)
            expected.unsure_until_us = max(expected.unsure_until_us, watermark_us - watermark_us % window_us)
        else:
            expected.disagreements += _disagreements(batch, counted, watermark_us)
        expected.read += counted.read
        expected.rejected += counted.rejected
        expected.future += counted.future
        for window, hits in counted.hits.items():
            if window.start_us + window_us <= emitted_until_us:
                expected.late += hits
            else:
                accepted[window] += hits
        emitted_until_us = watermark_us
        newest_us = max(newest_us, counted.newest_us or 0)
    for window, hits in accepted.items():
        window_end = window.start_us + window_us
        if window_end > watermark_us:
            expected.open_hits += hits
        elif expected.sealed_until_us is not None and window_end <= expected.sealed_until_us:
            expected.superseded += hits
        else:
            expected.windows[window] += hits
    if watermark_us:
        expected.sealed_until_us = max(watermark_us, expected.sealed_until_us or watermark_us)


def _disagreements(batch: Batch, counted: Tally, watermark_us: int) -> Iterator[str]:
    if (batch.watermark_us or 0) != watermark_us:
        recorded_at, found_at = written(batch.watermark_us), written(watermark_us or None)
        yield f"{batch}: watermark {recorded_at} in the ledger, {found_at} by the events"
    for name in ("read", "rejected", "future"):
        recorded, found = getattr(batch, name), getattr(counted, name)
        if recorded is not None and recorded != found:
            yield f"{batch}: {name} {recorded:,} in the ledger, {found:,} in the topic"


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
