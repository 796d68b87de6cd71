"""Compares Spark's checkpoint with the ledger in PostgreSQL, before Spark opens the checkpoint.

Each of them can be restored or lost without the other. `CHECKS` finds all the ways in which that shows; `losses` does
the same for the third history, Kafka's log. docs/recovery.md has the same list for operators.

Checkpoint and ledger are compared exactly: Spark commits a batch only after the sink has entered it in the ledger, and
plans a batch only after it has committed the one before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from web_traffic.checkpoint import Batch, Checkpoint
from web_traffic.kafka import Offsets
from web_traffic.settings import MEMORY
from web_traffic.warehouse.history import Entry, Fingerprint, Past, Span


@dataclass(frozen=True, slots=True)
class Seen:
    """The contents of the checkpoint's files."""

    query_id: UUID | None
    planned: Batch | None
    committed: int | None
    initial: Offsets | None
    """Where the first batch begins; None until Spark has decided it."""

    @property
    def last_planned(self) -> int:
        """The newest batch; -1 for none."""
        return self.planned.batch_id if self.planned else -1

    @property
    def last_through(self) -> int:
        """The newest batch that has surely passed the sink; -1 for none."""
        return max(self.last_planned - 1, -1 if self.committed is None else self.committed)


def look_at(checkpoint: Checkpoint) -> Seen:
    """Read the checkpoint's files; raises `CheckpointError`."""
    planned = checkpoint.newest_planned()
    return Seen(
        checkpoint.query_id,
        None if planned is None else checkpoint.batch(planned),
        checkpoint.newest_committed(),
        checkpoint.initial_offsets(),
    )


@dataclass(frozen=True, slots=True)
class Histories:
    """Checkpoint and ledger when a run begins, and the fingerprint of a checkpoint that this run would make."""

    checkpoint: Checkpoint
    seen: Seen
    past: Past
    expected: Fingerprint
    rebuild_span: Callable[[], Span | None]
    """Returns what a new checkpoint would have to read of the topic."""

    @property
    def newest(self) -> Entry | None:
        """The ledger's newest batch of the checkpoint's query."""
        return self.past.entries[0] if self.past.entries else None

    @property
    def span(self) -> Span | None:
        """Where the checkpoint reads next, and how far it has read; None until Spark has decided where it begins."""
        seen = self.seen
        if seen.planned is None:
            return None if seen.initial is None else Span(seen.initial, {})
        is_through = seen.planned.batch_id == seen.committed
        wanted = seen.planned.end_offsets if is_through else seen.planned.start_offsets
        return Span(wanted, seen.planned.end_offsets)

    @property
    def last_entered(self) -> int:
        """The number of that batch; -1 for none."""
        return self.newest.batch_id if self.newest else -1


def checkpoint_is_missing(histories: Histories) -> str | None:
    """A new checkpoint would begin where the setting says, not where the database ends."""
    seen, past = histories.seen, histories.past
    has_begun = seen.planned is not None or seen.initial is not None
    if not past.checkpoints or (seen.query_id and (has_begun or past.newest_writer is None)):
        return None
    return (
        f"there is no checkpoint in {histories.checkpoint.location}, but the database was fed from one: "
        "correct CHECKPOINT_LOCATION if it is wrong"
    )


def checkpoint_is_foreign(histories: Histories) -> str | None:
    """Its batches are in another database, or in a later state of this one."""
    seen, past = histories.seen, histories.past
    if seen.query_id is None or seen.query_id in past.checkpoints or seen.last_through < 0:
        return None
    return (
        f"the checkpoint in {histories.checkpoint.location} has fed another database, or this one was restored from a "
        "copy that is older than the checkpoint: correct CHECKPOINT_LOCATION or POSTGRES_URL if one is wrong"
    )


def database_is_older(histories: Histories) -> str | None:
    """The ledger lacks batches that Spark has committed: nothing would ever write their windows again."""
    if histories.seen.last_through <= histories.last_entered:
        return None
    return (
        "the database is older than the checkpoint and was restored from a copy: it ends with batch "
        f"{histories.last_entered} of the query, the checkpoint with batch {histories.seen.last_through}"
    )


def checkpoint_is_older(histories: Histories) -> str | None:
    """The checkpoint would plan batches that the ledger has already, with other records."""
    if histories.last_entered <= histories.seen.last_planned:
        return None
    return (
        "the checkpoint is older than the database and was restored from a copy: it ends with batch "
        f"{histories.seen.last_planned}, the database with batch {histories.last_entered} of the query"
    )


def batch_differs(histories: Histories) -> str | None:
    """Checkpoint and ledger have a batch of the same number, but not the same batch."""
    if histories.newest is None:
        return None
    newest, planned = histories.newest, histories.checkpoint.batch(histories.last_entered)
    if newest[1:] == (planned.planned_at, planned.start_offsets, planned.end_offsets):
        return None
    return (
        f"batch {newest.batch_id} is in the ledger with the offsets {newest.start_offsets} to {newest.end_offsets}, "
        f"in the checkpoint with {planned.start_offsets} to {planned.end_offsets}, planned at {newest.planned_at} and "
        f"{planned.planned_at}: one of the two was restored from a copy"
    )


def checkpoint_was_replaced(histories: Histories) -> str | None:
    """Another checkpoint has fed the database since: this one lacks the records that it read."""
    seen, past = histories.seen, histories.past
    is_unused = seen.last_through < 0 and histories.newest is None  # as a killed rebuild leaves it
    if is_unused or past.newest_writer in (None, seen.query_id):
        return None
    location = histories.checkpoint.location
    return f"the checkpoint in {location} was replaced by another one, which has fed the database since"


def ledger_has_a_hole(histories: Histories) -> str | None:
    """Between two successive batches lie records that no known batch has read."""
    for batch, before in pairwise(histories.past.entries):
        if before.batch_id != batch.batch_id - 1:
            return f"the ledger lacks the batches between {before.batch_id} and {batch.batch_id}"
        if any(offset != before.end_offsets.get(partition, 0) for partition, offset in batch.start_offsets.items()):
            return (
                f"in the ledger batch {batch.batch_id} starts at {batch.start_offsets}, "
                f"but batch {before.batch_id} ends at {before.end_offsets}"
            )
    return None


def starts_too_late(histories: Histories) -> str | None:
    """A checkpoint without a batch was made for a later state of the database: it would leave records out."""
    seen, past = histories.seen, histories.past
    if seen.last_through >= 0 or histories.newest or past.newest_writer is None or seen.initial is None:
        return None
    span = histories.rebuild_span()
    if span is None or all(seen.initial.get(partition, 0) <= offset for partition, offset in span.wanted.items()):
        return None
    return (
        f"the checkpoint in {histories.checkpoint.location} has no batch yet and begins at {seen.initial}, after the "
        f"first records of unsealed windows ({span.wanted})"
    )


def settings_differ(histories: Histories) -> str | None:
    """What is fixed for the life of a checkpoint has changed; a topic that was made anew has another id."""
    query_id, expected = histories.seen.query_id, histories.expected
    made_with = histories.past.checkpoints.get(query_id, expected) if query_id else expected
    made_with = {"state store": MEMORY} | made_with  # the only one of versions that did not enter it
    different = [name for name, value in expected.items() if made_with.get(name) != value]
    if not different:
        return None
    changes = "; ".join(f"{name} was {made_with.get(name)}, now {expected[name]}" for name in different)
    return (
        f"the checkpoint in {histories.checkpoint.location} was made with other settings ({changes}): "
        "restore them if they are wrong"
    )


CHECKS = (
    checkpoint_is_missing,
    checkpoint_is_foreign,
    database_is_older,
    checkpoint_is_older,
    batch_differs,
    checkpoint_was_replaced,
    ledger_has_a_hole,
    starts_too_late,
    settings_differ,
)
"""The comparisons, in their order; the way out of each is a rebuild."""
