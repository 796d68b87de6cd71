"""Is there anything for Spark to do? Answered in milliseconds, from the closed books and the broker.

The checkpoint is Spark's: only the driver opens it, and examines it before it reads on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

from web_traffic.kafka import Offsets, Topic
from web_traffic.marks import is_what_was_read
from web_traffic.settings import Settings
from web_traffic.warehouse.history import Standing, read_standing


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether Spark has to run, why, and how many offsets lie ahead of what was read."""

    must_run: bool
    reason: str
    lag: int


def ask(settings: Settings, connection: psycopg.Connection[Any], topic: Topic, *, is_asked_for: bool) -> Decision:
    """Decide by what the database and the broker hold now; raises `KafkaUnavailable`."""
    standing = read_standing(connection)
    return decide(standing, topic.end_offsets, is_asked_for, lambda: is_what_was_read(settings, connection, topic))


def decide(
    standing: Standing | None,
    end_offsets: Offsets,
    is_asked_for: bool = False,
    is_same_log: Callable[[], bool] = lambda: True,
) -> Decision:
    """Skip Spark only if it provably has nothing to do. It runs on any doubt, and if a person asked for it.

    An offset difference is an upper bound of the records: transactions and compaction leave offsets without records.
    """
    batch = standing.newest_batch if standing else None
    read = batch.end_offsets if batch else {}
    lag = sum(end - read.get(partition, 0) for partition, end in end_offsets.items())
    if is_asked_for:
        return Decision(True, "a person asked for it", sum(end_offsets.values()))
    if batch and read != end_offsets:
        return Decision(True, f"{lag:,} new offsets", lag)
    if not batch and lag:
        return Decision(True, "first run", lag)
    if standing and (doubt := _doubt(standing)):
        return Decision(True, doubt, lag)
    if not batch:
        return Decision(False, "the topic is empty", lag)
    if not is_same_log():
        return Decision(True, "doubt: the topic does not have the records that were read", sum(end_offsets.values()))
    return Decision(False, "nothing new", lag)


def _doubt(standing: Standing) -> str | None:
    """Return why the newest run may have left work that needs no new record; None if it surely has not."""
    run, batch = standing.run_id, standing.newest_batch
    if not standing.is_closed:
        return f"run {run} has not closed its books"
    if batch and standing.query_id != batch.query_id:
        return f"the checkpoint of run {run} has no batch yet"
    if batch and not batch.is_in_books:
        return f"batch {batch.batch_id} is not in the books"
    if standing.left_work is None:
        return f"doubt: it is not known what run {run} has left"
    if standing.left_work:
        return f"run {run} has left windows that can be closed"
    return None
