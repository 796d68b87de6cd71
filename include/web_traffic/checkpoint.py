"""Reads the checkpoint of a Spark Structured Streaming query: offsets, commits, watermarks.

The files are Spark's (`org.apache.spark.sql.execution.streaming`: OffsetSeqLog, CommitLog, StreamMetadata), format
version 1: a line `v1`, then JSON lines. Nothing here writes.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

Offsets = dict[str, int]
"""Kafka offset by partition number (as text, the way JSON keeps it)."""


class CheckpointError(RuntimeError):
    """A checkpoint file is not what Spark writes; the message names it."""


class _Plan(msgspec.Struct):
    timestamp: int = msgspec.field(name="batchTimestampMs")
    watermark: int = msgspec.field(name="batchWatermarkMs")


class _Commit(msgspec.Struct):
    next_watermark: int = msgspec.field(name="nextBatchWatermarkMs")


@dataclass(frozen=True, slots=True)
class Batch:
    """One micro-batch, as planned in the offset log."""

    query_id: UUID
    batch_id: int
    planned_at: datetime
    """The batch's clock: what `current_timestamp()` is in it, also when it comes again."""
    start_offsets: Offsets
    end_offsets: Offsets
    """Exclusive."""
    watermark: datetime | None
    """The watermark that the batch runs under; None before there is one."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint folder, which need not exist yet."""

    folder: Path

    @property
    def query_id(self) -> UUID | None:
        """Id of the query that owns the checkpoint; None before its first run."""
        metadata = self.folder / "metadata"
        return UUID(json.loads(metadata.read_text())["id"]) if metadata.exists() else None

    def newest_planned(self) -> int | None:
        """Number of the newest batch in the offset log."""
        return self._newest("offsets")

    def newest_committed(self) -> int | None:
        """Number of the newest batch in Spark's commit log."""
        return self._newest("commits")

    def batch(self, batch_id: int) -> Batch:
        """Read a planned batch; raises `CheckpointError` when the offset log does not hold it."""
        query_id = self.query_id
        if query_id is None:
            raise CheckpointError(f"{self.folder / 'metadata'} is missing")
        plan, end_offsets = self._plan(batch_id)
        before = self._plan(batch_id - 1)[1] if batch_id else self._initial_offsets()
        start_offsets = dict.fromkeys(end_offsets, 0) | before  # a new partition is read from its first record
        planned_at = datetime.fromtimestamp(plan.timestamp / 1000, UTC)
        return Batch(query_id, batch_id, planned_at, start_offsets, end_offsets, _timestamp(plan.watermark))

    def next_start(self) -> tuple[Offsets, datetime | None]:
        """Return the offsets that come next, and when their batch was planned; None if it was not planned yet.

        No offsets stand for a checkpoint without batches.
        """
        planned = self.newest_planned()
        if planned is None:
            return {}, None
        batch = self.batch(planned)
        if planned == self.newest_committed():
            return batch.end_offsets, None
        return batch.start_offsets, batch.planned_at

    def next_watermark(self, batch_id: int) -> datetime | None:
        """Watermark of the batch that follows a committed one."""
        (commit,) = self._read("commits", batch_id, _Commit)
        return _timestamp(commit.next_watermark)

    def _plan(self, batch_id: int) -> tuple[_Plan, Offsets]:
        plan, offsets_by_topic = self._read("offsets", batch_id, _Plan, dict[str, Offsets])
        (offsets,) = offsets_by_topic.values()
        return plan, offsets

    def _initial_offsets(self) -> Offsets:
        (offsets_by_topic,) = self._read("sources/0", 0, dict[str, Offsets])
        (offsets,) = offsets_by_topic.values()
        return dict(offsets)

    def _read(self, log: str, batch_id: int, *line_types: Any) -> list[Any]:
        file = self.folder / log / str(batch_id)
        try:
            version, *lines = file.read_bytes().removeprefix(b"\0").splitlines()  # the Kafka source writes a NUL first
            if version != b"v1":
                raise CheckpointError(f"{file}: format {version.decode()!r} is not known")
            return [msgspec.json.decode(line, type=kind) for line, kind in zip(lines, line_types, strict=True)]
        except (OSError, ValueError, msgspec.DecodeError) as error:
            raise CheckpointError(f"{file} can't be read: {error}") from error

    def _newest(self, log: str) -> int | None:
        folder = self.folder / log
        numbers = (int(file.name) for file in folder.iterdir() if file.name.isdecimal()) if folder.is_dir() else ()
        return max(numbers, default=None)


def _timestamp(milliseconds: int) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None
