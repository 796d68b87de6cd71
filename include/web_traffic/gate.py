"""Is there anything for Spark to do? Answered in milliseconds, from the checkpoint, the broker and the books."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from web_traffic.checkpoint import Checkpoint, Offsets
from web_traffic.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether Spark has to run, why, and how many offsets lie ahead of the checkpoint."""

    must_run: bool
    reason: str
    lag: int


def decide(
    checkpoint: Checkpoint,
    end_offsets: Offsets,
    is_in_books: Callable[[UUID, int], bool],
    is_asked_for: bool = False,
    is_same_log: Callable[[], bool] = lambda: True,
) -> Decision:
    """Skip Spark only if it provably has nothing to do. It runs on any doubt, and if a person asked for it.

    An offset difference is an upper bound of the records: transactions and compaction leave offsets without records.
    """
    if is_asked_for:
        return Decision(True, "a person asked for it", sum(end_offsets.values()))
    try:
        return _decide(checkpoint, end_offsets, is_in_books, is_same_log)
    except CheckpointError as error:
        return Decision(True, f"doubt: {error}", sum(end_offsets.values()))


def _decide(
    checkpoint: Checkpoint,
    end_offsets: Offsets,
    is_in_books: Callable[[UUID, int], bool],
    is_same_log: Callable[[], bool],
) -> Decision:
    if damage := checkpoint.damage():
        raise CheckpointError(damage)
    planned, committed = checkpoint.newest_planned(), checkpoint.newest_committed()
    if planned is None:
        lag = sum(end_offsets.values())
        return Decision(lag > 0, "first run" if lag else "the topic is empty", lag)
    batch = checkpoint.batch(planned)
    lag = sum(end - batch.end_offsets.get(partition, 0) for partition, end in end_offsets.items())
    if planned != committed:
        return Decision(True, f"batch {planned} is not done", lag)
    if batch.end_offsets != end_offsets:
        return Decision(True, f"{lag:,} new offsets", lag)
    if checkpoint.next_watermark(planned) != batch.watermark:
        return Decision(True, "the watermark has moved since the last batch", lag)
    if not is_in_books(batch.query_id, planned):
        return Decision(True, f"batch {planned} is not in the books", lag)
    if not is_same_log():
        return Decision(True, "doubt: the topic does not have the records that were read", sum(end_offsets.values()))
    return Decision(False, "nothing new", lag)
