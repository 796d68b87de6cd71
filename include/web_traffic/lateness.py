"""Which events a restatement still counts, record by record; pure functions over Arrow batches, no Spark.

An event counts if the live run has accepted it, or if it has reached Kafka within the allowed lateness of its window's
end. That depends on nothing but the event, so a window comes out the same in whatever interval it is restated.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Self
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from web_traffic.events import WINDOW_MINUTES

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class ReadRange(NamedTuple):
    """The records of one partition that one micro-batch of the live run has read."""

    query_id: UUID
    partition: int
    start_offset: int
    end_offset: int
    """Exclusive."""
    sealed_before: datetime
    """What was sealed before the batch: it has accepted the events of windows that end later."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Tells for a record from which event time on it counts."""

    allowed_lateness_us: int
    ranges: dict[tuple[UUID, int], tuple[np.ndarray, np.ndarray, np.ndarray]]
    """By query and partition: end offsets in order, start offsets, and what was sealed before (microseconds)."""

    @classmethod
    def of(cls, allowed_lateness: timedelta, ranges: Iterable[ReadRange]) -> Self:
        """Take the ranges in any order; those of one query and partition do not overlap."""
        grouped: dict[tuple[UUID, int], list[tuple[int, int, int]]] = {}
        for read in ranges:
            sealed_us = (read.sealed_before - EPOCH) // MICROSECOND
            grouped.setdefault((read.query_id, read.partition), []).append(
                (read.end_offset, read.start_offset, sealed_us)
            )
        columns = {key: tuple(np.array(sorted(rows), np.int64).T) for key, rows in grouped.items()}
        return cls(allowed_lateness // MICROSECOND, columns)

    def accepted_from(self, records: pa.RecordBatch) -> pa.Array:
        """Return the earliest event time of each record that counts, from `partition`, `offset` and `timestamp`.

        A window counts when it ends after the earlier of two times: what was sealed when the live run read the record,
        and the record's Kafka timestamp less the allowed lateness.
        """
        partitions, offsets = (records[name].to_numpy(zero_copy_only=False) for name in ("partition", "offset"))
        bound = records["timestamp"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy(zero_copy_only=False)
        bound = bound - self.allowed_lateness_us
        for (_, partition), (ends, starts, sealed) in self.ranges.items():
            place = np.minimum(np.searchsorted(ends, offsets, side="right"), len(ends) - 1)
            is_read = (partitions == partition) & (starts[place] <= offsets) & (offsets < ends[place])
            bound = np.where(is_read, np.minimum(bound, sealed[place]), bound)
        ends_after = pa.array(bound, pa.int64()).cast(pa.timestamp("us", "UTC"))
        return pc.floor_temporal(ends_after, WINDOW_MINUTES, "minute")
