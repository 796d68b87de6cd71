"""What must hold before Spark opens a checkpoint, or makes a new one.

Kafka's log, the checkpoint and the database are of one time (`histories`, `losses`), and the settings are those of the
checkpoint. What does not hold is refused, with the way out; Spark would find some of it late, and some of it never.
"""

import getpass
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import psycopg

from web_traffic.checkpoint import Checkpoint, CheckpointError, Offsets
from web_traffic.errors import NeedsAttention
from web_traffic.events import WINDOW_MINUTES
from web_traffic.histories import CHECKS, Histories, look_at
from web_traffic.kafka import Topic
from web_traffic.losses import Gap, Loss, all_gaps, first_kept, lost_records, lost_topic
from web_traffic.marks import changed_from
from web_traffic.settings import Settings
from web_traffic.unreadable import UnreadableRecord, behind, find_unreadable, require_readable
from web_traffic.warehouse.history import (
    Fingerprint,
    LastRecord,
    LastRecords,
    Past,
    Span,
    read_last_records,
    read_past,
    read_rebuild_span,
)

REBUILD = "run once with rebuild_checkpoint: unsealed windows are counted anew, sealed ones stay"
ACCEPT = "to go on without them run once with accept_data_loss, which records the gap"
BOTH = (
    "run once with rebuild_checkpoint and accept_data_loss: unsealed windows are counted anew from what Kafka still "
    "holds, sealed ones stay, and the gap is recorded"
)


class CheckpointMismatch(NeedsAttention):
    """The checkpoint does not belong to this database, topic or configuration; nothing was read or written."""


class CheckpointClosed(NeedsAttention):
    """The checkpoint's folder can't be written to; nothing was read or written."""


class DataLoss(NeedsAttention):
    """Kafka does not hold all records that have to be read; nothing was read or written."""


@dataclass(frozen=True, slots=True)
class Start:
    """How the stream may start."""

    offsets: Offsets | None = None
    """Where a new checkpoint begins; None for the checkpoint's own offsets or the setting."""
    gap: Gap | None = None
    """Lost records that this run may pass over."""
    last_records: LastRecords = field(default_factory=dict)
    """The last records that were read before this run, of partitions where they are still there."""
    unreadable: tuple[UnreadableRecord, ...] = ()
    """Records that Spark can't read, and that the stream begins behind."""


def fingerprint(settings: Settings, topic: Topic, watermark_delay: str, spark_version: str) -> Fingerprint:
    """Return what is fixed for the life of a checkpoint."""
    return {
        "topic": topic.name,
        "topic id": topic.id,
        "window": f"{WINDOW_MINUTES} minutes",
        "watermark delay": watermark_delay,
        "keys": "window, host, referrer",
        "state partitions": str(settings.shuffle_partitions),
        "Spark": ".".join(spark_version.split(".")[:2]),
    }


def examine(settings: Settings, connection: psycopg.Connection[Any], topic: Topic, expected: Fingerprint) -> Start:
    """Say how the stream may start; raises an error of this module when it may not."""
    checkpoint = Checkpoint(settings.checkpoint_location)
    _require_writable(checkpoint)
    newest, *older = read_last_records(connection, topic.id) or [{}]
    changed = changed_from(settings, topic, newest, older)
    kept = {partition: record for partition, record in newest.items() if _is_kept(partition, record, topic, changed)}
    rebuild = _Rebuild(checkpoint, connection, topic, changed)
    if settings.rebuild_checkpoint:
        start = _behind_unreadable(settings, topic, rebuild.start(settings.accept_data_loss, kept), rebuild)
        _set_aside(checkpoint)
        return start
    span = _agreed_span(checkpoint, connection, expected, rebuild)
    losses = lost_records(span, topic, changed, is_rebuild=False) if span else []
    wrong = [loss.wrong for loss in losses]
    if any(loss.needs_rebuild for loss in losses):
        raise DataLoss(rebuild.way_out(wrong))
    if losses and not settings.accept_data_loss:
        raise DataLoss("; ".join([*wrong, ACCEPT]))
    first = topic.end_offsets if span is None and settings.starting_offsets == "latest" else {}
    require_readable(topic, find_unreadable(settings, topic, span.wanted if span else first))
    return Start(None, all_gaps(losses) or None, kept)


def _behind_unreadable(settings: Settings, topic: Topic, start: Start, rebuild: "_Rebuild") -> Start:
    """Let a new checkpoint begin behind what Spark can't read; raises `Unreadable` unless that was accepted."""
    first = topic.end_offsets if settings.starting_offsets == "latest" else topic.first_offsets
    offsets = start.offsets or first
    unreadable = find_unreadable(settings, topic, offsets)
    if not unreadable:
        return start
    if not settings.accept_data_loss:
        require_readable(topic, unreadable)
    span = rebuild.span()
    read_until = offsets | (span.read_until if span else {})
    later = behind(unreadable, offsets)
    unread = {name: [read_until[name], end] for name, end in later.items() if offsets[name] != end}
    lost = {name: [first, end] for name, (first, end) in unread.items() if first < end}
    gap = all_gaps([Loss("", start.gap or {}), Loss("", lost)])
    return replace(start, offsets=later, gap=gap, unreadable=tuple(unreadable))


def _is_kept(partition: str, record: LastRecord, topic: Topic, changed: Offsets) -> bool:
    """Whether a record that was read last is still what it was, as far as Kafka still has its offset."""
    return partition not in changed and record.offset < topic.end_offsets.get(partition, 0)


def _agreed_span(
    checkpoint: Checkpoint, connection: psycopg.Connection[Any], expected: Fingerprint, rebuild: "_Rebuild"
) -> Span | None:
    """Return what the checkpoint has read and comes to next; raises `CheckpointMismatch` when the ledger disagrees."""
    try:
        if damage := checkpoint.damage():
            raise CheckpointError(damage)
        seen = look_at(checkpoint)
        histories = Histories(checkpoint, seen, read_past(connection, seen.query_id), expected, rebuild.span)
        wrong = next(filter(None, (check(histories) for check in CHECKS)), None)
    except CheckpointError as error:
        raise CheckpointMismatch(rebuild.way_out([f"the checkpoint is damaged: {error}"])) from error
    if wrong:
        raise CheckpointMismatch(rebuild.way_out([wrong]))
    return histories.span


class _Rebuild:
    """What a new checkpoint would begin with. It is asked for when it is needed: the ledger may be long."""

    def __init__(
        self, checkpoint: Checkpoint, connection: psycopg.Connection[Any], topic: Topic, changed: Offsets
    ) -> None:
        self._checkpoint = checkpoint
        self._connection = connection
        self._topic = topic
        self._changed = changed

    @cached_property
    def past(self) -> Past:
        """What the database remembers, whatever the checkpoint."""
        return read_past(self._connection, None)

    @cached_property
    def losses(self) -> list[Loss]:
        """What is gone of the records that it would have to read."""
        span, before = self.span(), self.past.newest_topic_id
        losses = lost_topic(self.past, self._topic, read_rebuild_span(self._connection, before) if before else None)
        return losses + (lost_records(span, self._topic, self._changed, is_rebuild=True) if span else [])

    def span(self) -> Span | None:
        """What it would have to read, by the ledger; None if that has batches, but of other topics.

        With an empty ledger it begins where the old one began, if that can be read.
        """
        if self.past.newest_writer:
            return read_rebuild_span(self._connection, self._topic.id)
        with suppress(CheckpointError):
            if initial := self._checkpoint.initial_offsets():
                return Span(initial, {})
        return None

    def way_out(self, said: Sequence[str]) -> str:
        """Add to what is wrong what a person has to ask for, and what comes of it."""
        if not self.losses:
            return "; ".join([*said, REBUILD])
        lost = [loss.wrong for loss in self.losses if loss.wrong not in said]
        open_hits = self.past.open_hits
        missing = "hits of open windows" if open_hits is None else f"up to {open_hits:,} hits of open windows"
        return "; ".join([*said, *lost, f"{BOTH}; {missing} will be missing"])

    def start(self, accept_data_loss: bool, last_records: LastRecords) -> Start:
        """Return how a new checkpoint starts; raises `DataLoss` if records are gone, unless that was accepted."""
        if self.losses and not accept_data_loss:
            raise DataLoss(self.way_out([]))
        return Start(self._offsets(), all_gaps(self.losses) or None, last_records)

    def _offsets(self) -> Offsets | None:
        span = self.span()
        if span is None:
            is_made_anew = self._topic.name in [made_with.get("topic") for made_with in self.past.checkpoints.values()]
            span = Span({}, {}) if is_made_anew and self.past.newest_writer else None
        return first_kept(span, self._topic, self._changed) if span else None


def _require_writable(checkpoint: Checkpoint) -> None:
    folder = next(folder for folder in (checkpoint.folder, *checkpoint.folder.parents) if folder.exists())
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise CheckpointClosed(
            f"the user {getpass.getuser()} may not write to {folder}: give it the rights, or correct "
            "CHECKPOINT_LOCATION"
        )


def _set_aside(checkpoint: Checkpoint) -> None:
    if checkpoint.folder.exists():
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        checkpoint.folder.rename(checkpoint.folder.with_name(f"{checkpoint.folder.name}.replaced-{now}"))
