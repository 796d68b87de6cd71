"""Which events a restatement still counts, record by record; pure functions over Arrow batches, no Spark.

An event counts if the live run accepted it, or if it reached Kafka within the allowed lateness of its window's end.
That depends only on the record and the ledger, so a window gets the same hits in whatever interval it is restated.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Self
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from web_traffic.kafka_time import EARLIEST_MS
from web_traffic.window_length import EPOCH, WINDOW_MINUTES

MICROSECOND = timedelta(microseconds=1)
INSTANT = pa.timestamp("us", "UTC")
_NEVER_US = (datetime(9998, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND


class ReadRange(NamedTuple):
    """The records of one partition that one micro-batch of the live run has read."""

    query_id: UUID
    partition: int
    start_offset: int
    end_offset: int
    """Exclusive."""
    sealed_before: datetime
    """`sealed_until` before the batch, which accepted the events of windows that end later."""
    planned_at: datetime
    """The batch's clock: its records had reached Kafka by then."""
    max_clock_skew: timedelta
    """How far an event could be ahead when the batch judged it."""


class Bounds(NamedTuple):
    """The event times between which each record of an Arrow batch counts."""

    accepted_from: pa.Array
    accepted_until: pa.Array


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Tells between which event times a record counts."""

    allowed_lateness_us: int
    started_us: int
    """The restatement's clock, for records that the live run has not read yet."""
    max_clock_skew_us: int
    ranges: dict[tuple[UUID, int], tuple[np.ndarray, ...]]
    """By query and partition: end offsets in order, start offsets, `sealed_until` before the batch, the batch's clock
    and its clock skew (microseconds)."""

    @classmethod
    def of(
        cls, allowed_lateness: timedelta, started_at: datetime, max_clock_skew: timedelta, ranges: Iterable[ReadRange]
    ) -> Self:
        """Take the ranges in any order; those of one query and partition do not overlap."""
        grouped: dict[tuple[UUID, int], list[tuple[int, ...]]] = {}
        for read in ranges:
            row = (
                read.end_offset,
                read.start_offset,
                (read.sealed_before - EPOCH) // MICROSECOND,
                (read.planned_at - EPOCH) // MICROSECOND,
                read.max_clock_skew // MICROSECOND,
            )
            grouped.setdefault((read.query_id, read.partition), []).append(row)
        columns = {key: tuple(np.array(sorted(rows), np.int64).T) for key, rows in grouped.items()}
        return cls(
            allowed_lateness // MICROSECOND,
            (started_at - EPOCH) // MICROSECOND,
            max_clock_skew // MICROSECOND,
            columns,
        )

    def bounds(self, records: pa.RecordBatch) -> Bounds:
        """Judge records by their `partition`, `offset` and `timestamp`.

        A window counts if it ends after the earlier of two times. The first is `sealed_until` when the live run read
        the record. The second is the time at which the record reached Kafka, less the allowed lateness. A record
        reached Kafka at its Kafka timestamp, but never later than the clock of the batch that read it; without a
        timestamp, at that clock. A record without a timestamp that no batch has read yet does not count yet.

        The clock and the skew of the batch that read an event decide whether it is from the future. So a changed
        setting never removes an event that a live run has counted.
        """
        partitions, offsets = (records[name].to_numpy(zero_copy_only=False) for name in ("partition", "offset"))
        sent = records["timestamp"].cast(INSTANT).cast(pa.int64()).to_numpy(zero_copy_only=False)
        is_timed = sent >= EARLIEST_MS * 1000
        reached = np.where(is_timed & (sent <= self.started_us), sent, _NEVER_US + self.allowed_lateness_us)
        until = np.where(is_timed, np.minimum(sent, self.started_us), self.started_us) + self.max_clock_skew_us
        sealed = np.full_like(sent, _NEVER_US)
        was_read = np.zeros(len(sent), bool)
        for (_, partition), (ends, starts, sealed_before, planned, skew) in self.ranges.items():
            place = np.minimum(np.searchsorted(ends, offsets, side="right"), len(ends) - 1)
            is_read = (partitions == partition) & (starts[place] <= offsets) & (offsets < ends[place])
            clock = np.where(is_timed, np.minimum(sent, planned[place]), planned[place])
            known_until = np.where(was_read, np.maximum(until, clock + skew[place]), clock + skew[place])
            until = np.where(is_read, known_until, until)
            reached = np.where(is_read, np.where(was_read, np.minimum(reached, clock), clock), reached)
            sealed = np.where(is_read, np.minimum(sealed, sealed_before[place]), sealed)
            was_read |= is_read
        ends_after = np.minimum(reached - self.allowed_lateness_us, sealed)
        accepted_from = pc.floor_temporal(pa.array(ends_after, pa.int64()).cast(INSTANT), WINDOW_MINUTES, "minute")
        return Bounds(accepted_from, pa.array(until, pa.int64()).cast(INSTANT))
