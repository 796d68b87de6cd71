"""Reads the checkpoint of a Spark Structured Streaming query: offsets, commits, watermarks.

The files are Spark's (`org.apache.spark.sql.execution.streaming`: OffsetSeqLog, CommitLog, StreamMetadata), format
version 1: a line `v1`, then JSON lines. Nothing here writes. Only the driver opens a checkpoint, by `storage`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from web_traffic.errors import CheckpointError
from web_traffic.kafka import Offsets
from web_traffic.storage import Storage


class _Metadata(msgspec.Struct):
    id: UUID


class _Plan(msgspec.Struct):
    timestamp: int = msgspec.field(name="batchTimestampMs")
    watermark: int = msgspec.field(name="batchWatermarkMs")
    conf: dict[str, str] = {}


class _Commit(msgspec.Struct):
    next_watermark: int = msgspec.field(name="nextBatchWatermarkMs")


@dataclass(frozen=True, slots=True)
class Batch:
    """One micro-batch, as planned in the offset log."""

    query_id: UUID
    batch_id: int
    planned_at: datetime
    """The batch's clock: the value of `current_timestamp()` in it, also if the batch is repeated."""
    start_offsets: Offsets
    end_offsets: Offsets
    """Exclusive."""
    watermark: datetime | None
    """The watermark that the batch runs under; None before there is one."""


class Checkpoint:
    """A checkpoint, which need not exist yet.

    Each method raises `CheckpointError` if a file is not as Spark writes it, and `CheckpointOutOfReach` if the storage
    does not answer.
    """

    def __init__(self, location: str) -> None:
        """Take the address of the folder; raises `SettingsError` if Spark does not know such a file system."""
        self.location = location
        self.storage = Storage(location)
        self._logged: dict[str, list[Any]] = {}
        """What was read of the logs: Spark writes a file of a log once, and never changes it."""

    @property
    def query_id(self) -> UUID | None:
        """Id of the query that owns the checkpoint; None before its first run."""
        try:
            return msgspec.json.decode(self.storage.read("metadata"), type=_Metadata).id
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise CheckpointError(f"{self.location}/metadata can't be read: {error}") from error

    def newest_planned(self) -> int | None:
        """Number of the newest batch in the offset log."""
        return self._newest("offsets")

    def newest_committed(self) -> int | None:
        """Number of the newest batch in Spark's commit log."""
        return self._newest("commits")

    def batch(self, batch_id: int) -> Batch:
        """Read a planned batch; it is an error if the offset log does not hold it."""
        query_id = self.query_id
        if query_id is None:
            raise CheckpointError(f"{self.location}/metadata is missing")
        plan, end_offsets = self._plan(batch_id)
        before = self._plan(batch_id - 1)[1] if batch_id else self._first_source_offsets()
        start_offsets = dict.fromkeys(end_offsets, 0) | before  # a new partition is read from its first record
        planned_at = datetime.fromtimestamp(plan.timestamp / 1000, UTC)
        return Batch(query_id, batch_id, planned_at, start_offsets, end_offsets, _timestamp(plan.watermark))

    def next_start(self) -> tuple[Offsets, datetime | None]:
        """Return the offsets that come next, and when their batch was planned; None if it was not planned yet.

        A checkpoint without batches has no offsets.
        """
        planned = self.newest_planned()
        if planned is None:
            return {}, None
        batch = self.batch(planned)
        if planned == self.newest_committed():
            return batch.end_offsets, None
        return batch.start_offsets, batch.planned_at

    def damage(self) -> str | None:
        """Name the file that keeps Spark from going on; None if all files that it opens first can be read.

        Spark may still find damage inside the files of its state.
        """
        try:
            _ = self.query_id
            planned, committed = self.newest_planned(), self.newest_committed()
            if committed is not None:
                self.next_watermark(committed)
                if planned is None or planned < committed:
                    raise CheckpointError(f"{self.location}/offsets/{committed} is missing")
            if planned is None:
                self.initial_offsets()
                return None
            self.batch(planned)
            self._read_operator()
            return self._damaged_state(planned, version=planned if committed != planned else planned + 1)
        except CheckpointError as error:
            return str(error)

    def has_work(self) -> bool:
        """Whether Spark has a batch to do that needs no new record: a planned one, or one that closes windows."""
        planned, committed = self.newest_planned(), self.newest_committed()
        if planned is None or planned != committed:
            return planned != committed
        return self.next_watermark(planned) != self.batch(planned).watermark

    def _read_operator(self) -> None:
        """Read the file that Spark needs to count open hits: a run can go on without it, but not with half of it."""
        if self.storage.exists("state/0/_metadata/metadata"):
            self._read("state/0/_metadata", "metadata", dict[str, Any])

    def _damaged_state(self, planned: int, version: int) -> str | None:
        """Name the file that is missing to load a version of the state: a snapshot, and each delta since."""
        conf = self._plan(planned)[0].conf
        if not conf.get("spark.sql.streaming.stateStore.providerClass", "").endswith("HDFSBackedStateStoreProvider"):
            return None
        for partition in range(int(conf.get("spark.sql.shuffle.partitions", 0)) if version else 0):
            folder = f"state/0/{partition}"
            files = self._list(folder)
            for number in range(version, 0, -1):
                if _has_content(files, f"{number}.snapshot"):
                    break
                if not _has_content(files, f"{number}.delta"):
                    return f"{self.location}/{folder}/{number}.delta is missing or empty"
        return None

    def next_watermark(self, batch_id: int) -> datetime | None:
        """Watermark of the batch that follows a committed one."""
        (commit,) = self._read("commits", batch_id, _Commit)
        return _timestamp(commit.next_watermark)

    def _plan(self, batch_id: int) -> tuple[_Plan, Offsets]:
        plan, offsets_by_topic = self._read("offsets", batch_id, _Plan, dict[str, Offsets])
        (offsets,) = offsets_by_topic.values()
        return plan, offsets

    def initial_offsets(self) -> Offsets | None:
        """Return where the first batch begins; None until Spark has decided it."""
        return self._first_source_offsets() if self.storage.exists("sources/0/0") else None

    def _first_source_offsets(self) -> Offsets:
        (offsets_by_topic,) = self._read("sources/0", 0, dict[str, Offsets])
        (offsets,) = offsets_by_topic.values()
        return dict(offsets)

    def _read(self, log: str, batch_id: int | str, *line_types: Any) -> list[Any]:
        file = f"{log}/{batch_id}"
        if file in self._logged:
            return self._logged[file]
        try:
            # The Kafka source writes a NUL first.
            version, *lines = self.storage.read(file).removeprefix(b"\0").splitlines()
            if version != b"v1":
                raise CheckpointError(f"{self.location}/{file}: format {version.decode()!r} is not known")
            self._logged[file] = [
                msgspec.json.decode(line, type=kind) for line, kind in zip(lines, line_types, strict=True)
            ]
            return self._logged[file]
        except FileNotFoundError as error:
            raise CheckpointError(f"{self.location}/{file} is missing") from error
        except ValueError as error:
            raise CheckpointError(f"{self.location}/{file} can't be read: {error}") from error

    def _newest(self, log: str) -> int | None:
        return max((int(name) for name in self._list(log) if name.isdecimal()), default=None)

    def _list(self, folder: str) -> dict[str, Callable[[], int]]:
        try:
            return self.storage.list(folder)
        except FileNotFoundError:
            return {}


def _has_content(files: Mapping[str, Callable[[], int]], name: str) -> bool:
    return name in files and files[name]() > 0


def _timestamp(milliseconds: int) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None
