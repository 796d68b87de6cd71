"""PostgreSQL's side of a recount: the ledger, the restatements and the rows of the result table, of one moment."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from web_traffic.errors import RecountImpossible
from web_traffic.kafka import Topic
from web_traffic.recount.counting import Batch, Place, Ranges
from web_traffic.recount.restating import Restatement
from web_traffic.recount.rules import Window
from web_traffic.statements import statements_beside

statement = statements_beside(__name__)
Connection = psycopg.Connection[Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Limits(NamedTuple):
    """What the table can have; times in microseconds since the epoch."""

    sealed_until_us: int | None
    windows_kept_from_us: int | None
    """Windows that begin before were deleted by retention; None if none were."""
    has_lost_runs: bool
    """Whether retention has deleted batches of the ledger."""


def read_ledger(connection: Connection, topic: Topic) -> list[Batch]:
    """Return the batches of which Kafka may hold records, and of each query the last one before them."""
    about = {"topic_id": topic.id, "first_offsets": Jsonb(topic.first_offsets)}
    return [as_batch(*row) for row in _rows(connection, "ledger", about)]


def read_restatements(connection: Connection, from_us: int | None, to_us: int | None) -> list[Restatement]:
    """Return the restatements of windows between two times, oldest first."""
    return [_restatement(*row) for row in _rows(connection, "restatements", _between(from_us, to_us))]


def read_limits(connection: Connection) -> Limits:
    """Return what the table can have."""
    return next((Limits(*row) for row in _rows(connection, "sealed_until")), Limits(None, None, False))


def read_windows(connection: Connection, from_us: int | None, to_us: int | None) -> Iterator[tuple[Window, int]]:
    """Yield the rows of windows that begin between two times, with their hits."""
    for *window, hits in _rows(connection, "windows", _between(from_us, to_us)):
        yield Window(*window), hits


def count_outside(connection: Connection, from_us: int | None, to_us: int | None) -> int:
    """Return how many rows the table has of windows that begin at other times."""
    if from_us is None and to_us is None:
        return 0
    [(found,)] = _rows(connection, "rows_not_checked", _between(from_us, to_us))
    return int(found)


def rejected_times(connection: Connection, topic_id: str, ranges: Ranges) -> dict[Place, int]:
    """Return when records of a topic with these offsets were rejected, in microseconds since the epoch."""
    about = {
        "topic_id": topic_id,
        "partitions": list(ranges),
        "first_offsets": [first for first, _ in ranges.values()],
        "end_offsets": [end for _, end in ranges.values()],
    }
    return {Place(*place): at_us for *place, at_us in _rows(connection, "rejected", about)}


def _between(from_us: int | None, to_us: int | None) -> dict[str, Any]:
    return {
        "since": "-infinity" if from_us is None else _EPOCH + timedelta(microseconds=from_us),
        "until": "infinity" if to_us is None else _EPOCH + timedelta(microseconds=to_us),
    }


def _rows(
    connection: psycopg.Connection[Any], name: str, parameters: Mapping[str, Any] | None = None
) -> Iterator[tuple[Any, ...]]:
    with connection.cursor(name=f"recount_{name}") as cursor:
        cursor.itersize = 20_000
        yield from cursor.execute(statement(name), parameters)


def as_batch(
    query_id: str,
    batch_id: int,
    start_offsets: dict[str, int],
    end_offsets: dict[str, int],
    watermark_us: int | None,
    planned_us: int,
    window_us: int | None,
    read: int | None = None,
    rejected: int | None = None,
    future: int | None = None,
    max_clock_skew_us: int | None = None,
    run_id: int | None = None,
    gap: dict[str, list[int]] | None = None,
    topic_id: str | None = None,
    is_cut: bool = False,
) -> Batch:
    """Return a row of the ledger as a batch; of its gap, what is of its own topic.

    Raises `RecountImpossible` when the ledger does not say how long its windows are.
    """
    own_gap = {int(name): (first, end) for name, (first, end) in (gap or {}).items() if name.isdecimal()}
    offsets = _by_number(start_offsets), _by_number(end_offsets)
    figures = read, rejected, future, max_clock_skew_us
    length_us = _require_length(window_us)
    about = query_id, batch_id, *offsets, watermark_us, planned_us, length_us, *figures, run_id, own_gap, topic_id
    return Batch(*about, is_cut=is_cut)


def _restatement(
    from_us: int,
    to_us: int,
    allowed_lateness_us: int,
    started_us: int,
    start_offsets: dict[str, int],
    end_offsets: dict[str, int],
    closes_idle_windows: bool,
    window_us: int | None,
    max_clock_skew_us: int | None,
    known_query_id: str | None,
    known_batch: int | None,
) -> Restatement:
    return Restatement(
        from_us,
        to_us,
        allowed_lateness_us,
        started_us,
        _by_number(start_offsets),
        _by_number(end_offsets),
        closes_idle_windows,
        _require_length(window_us),
        max_clock_skew_us,
        None if known_query_id is None or known_batch is None else (known_query_id, known_batch),
    )


def _require_length(window_us: int | None) -> int:
    if window_us is None:
        raise RecountImpossible("etl.checkpoint does not say how long windows are")
    return window_us


def _by_number(offsets: dict[str, int]) -> dict[int, int]:
    return {int(partition): offset for partition, offset in offsets.items()}
