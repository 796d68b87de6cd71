"""Finds where a new checkpoint would begin, and sets one aside that does not fit."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import psycopg

from web_traffic.checkpoint import Checkpoint
from web_traffic.errors import CheckpointError, DataLoss, WindowsDoNotMeet
from web_traffic.kafka import Offsets, Topic
from web_traffic.losses import Gap, Loss, all_gaps, first_kept, lost_records, lost_topic, reused_from
from web_traffic.settings import Settings
from web_traffic.unreadable import UnreadableRecord, behind, find_unreadable, require_readable
from web_traffic.warehouse.history import LastRecords, Past, Span, read_past, read_rebuild_span, read_window_change
from web_traffic.window_length import WINDOW

REBUILD = "run once with rebuild_checkpoint: unsealed windows are counted anew, sealed ones stay"
BOTH = (
    "run once with rebuild_checkpoint and accept_data_loss: unsealed windows are counted anew from what Kafka still "
    "holds, sealed ones stay, and the gap is recorded"
)


@dataclass(frozen=True, slots=True)
class Start:
    """How the stream may start."""

    offsets: Offsets | None = None
    """Where a new checkpoint begins; None for the checkpoint's own offsets or the setting."""
    gap: Gap | None = None
    """Lost records that this run may skip."""
    last_records: LastRecords = field(default_factory=dict)
    """The last records that were read before this run, of partitions that still have them."""
    reused: Offsets = field(default_factory=dict)
    """By partition, the offset from which other records have, or will have, the offsets of those that were read."""
    unreadable: tuple[UnreadableRecord, ...] = ()
    """Records that Spark can't read; the stream begins behind them."""


class Rebuild:
    """Where a new checkpoint would begin. Each part is read only if it is needed: the ledger may be long."""

    def __init__(
        self, checkpoint: Checkpoint, connection: psycopg.Connection[Any], topic: Topic, changed: Offsets
    ) -> None:
        self._checkpoint = checkpoint
        self._connection = connection
        self._topic = topic
        self._changed = changed

    @cached_property
    def past(self) -> Past:
        """The past by the database, independent of the checkpoint."""
        return read_past(self._connection, None)

    @cached_property
    def losses(self) -> list[Loss]:
        """The losses among the records that it would have to read."""
        span, before = self.span(), self.past.newest_topic_id
        losses = lost_topic(self.past, self._topic, read_rebuild_span(self._connection, before) if before else None)
        if span is None:
            return losses
        seen = {name: max(end, span.read_until.get(name, 0)) for name, end in self._planned().items()}
        span = Span(span.wanted, span.read_until | seen)
        return losses + lost_records(span, self._topic, self._changed, is_rebuild=True)

    def _planned(self) -> Offsets:
        """Return up to which offsets the checkpoint planned to read; the ledger lacks a batch that is only planned."""
        with suppress(CheckpointError):
            query_id = self._checkpoint.query_id
            made_with = self.past.checkpoints.get(query_id, {}) if query_id else {}
            newest = self._checkpoint.newest_planned()
            if newest is not None and made_with.get("topic id", self._topic.id) == self._topic.id:
                return self._checkpoint.batch(newest).end_offsets
        return {}

    def span(self) -> Span | None:
        """The range that it would have to read, by the ledger; None if all batches there are of other topics.

        If the ledger is empty, it begins where the old checkpoint began, if that can be read.
        """
        if self.past.newest_writer:
            return read_rebuild_span(self._connection, self._topic.id)
        with suppress(CheckpointError):
            if initial := self._checkpoint.initial_offsets():
                return Span(initial, {})
        return None

    @cached_property
    def misfit(self) -> str | None:
        """Why its windows would not begin where the sealed ones end; None if they would.

        Hits would be counted twice, or not at all. This happens only if the length of windows has changed.
        """
        change = read_window_change(self._connection)
        if change is None or change.begins_at == change.ended_at:
            return None
        before, now, shorter = (
            f"{length // timedelta(minutes=1)} minutes"
            for length in (change.length_before, WINDOW, min(change.length_before, WINDOW))
        )
        return (
            f"the last sealed window of {before} ended at {change.ended_at}, but the next one of {now} would begin at "
            f"{change.begins_at}: go back to {before}, pause the DAG when sealed_until is less than {shorter} after a "
            "time at which windows of both lengths begin, and change the length then"
        )

    def way_out(self, said: Sequence[str]) -> str:
        """Join what is wrong, what a person has to ask for, and what will be lost."""
        if self.misfit:
            return "; ".join([*said, self.misfit])
        if not self.losses:
            return "; ".join([*said, REBUILD])
        lost = [loss.wrong for loss in self.losses if loss.wrong not in said]
        open_hits = self.past.open_hits
        missing = "hits of open windows" if open_hits is None else f"up to {open_hits:,} hits of open windows"
        return "; ".join([*said, *lost, f"{BOTH}; {missing} will be missing"])

    def start(self, accept_data_loss: bool, last_records: LastRecords) -> Start:
        """Return how a new checkpoint starts; raises `DataLoss` if records are gone, unless that was accepted.

        Raises `WindowsDoNotMeet` if its windows would not follow the sealed ones.
        """
        if self.misfit:
            raise WindowsDoNotMeet(self.misfit)
        if self.losses and not accept_data_loss:
            raise DataLoss(self.way_out([]))
        return Start(self._offsets(), all_gaps(self.losses) or None, last_records, reused_from(self.losses))

    def _offsets(self) -> Offsets | None:
        span = self.span()
        if span is None:
            is_made_anew = self._topic.name in [made_with.get("topic") for made_with in self.past.checkpoints.values()]
            span = Span({}, {}) if is_made_anew and self.past.newest_writer else None
        return first_kept(span, self._topic, self._changed) if span else None


def behind_unreadable(settings: Settings, topic: Topic, start: Start, rebuild: Rebuild) -> Start:
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


def set_aside(checkpoint: Checkpoint) -> None:
    """Give the checkpoint's folder another name, from which it can be put back; does nothing if there is none.

    On a file system it is one rename. A run that dies before it leaves the checkpoint as it was. A run that dies after
    it leaves none; the next run says so and asks for a rebuild again. An object store moves one object after another:
    what a run that dies meanwhile leaves is damaged or gone, and the next rebuild sets that aside, too.
    """
    if checkpoint.storage.exists():
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")  # two may follow one another in a second
        checkpoint.storage.rename(f"{checkpoint.location}.replaced-{now}")
