"""Reads the past from the database: checkpoints, batches, and the records that a new checkpoint would have to read."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from web_traffic.kafka import Offsets
from web_traffic.statements import statements_beside
from web_traffic.window_length import WINDOW

statement = statements_beside(__name__)
NEWEST_BATCHES = 100
"""How many batches of a query an examination checks. Earlier ones checked the rest, and the recount checks all."""
NEWEST_RUNS = 100
"""How many runs' last records are compared to find out how far back a log was cut."""

Fingerprint = dict[str, str]


class LastRecord(NamedTuple):
    """The last record that was read of a partition, as later runs recognise it."""

    offset: int
    timestamp_ms: int
    digest: str


LastRecords = dict[str, LastRecord]
"""By partition."""


class Entry(NamedTuple):
    """A batch in the ledger."""

    batch_id: int
    planned_at: datetime
    start_offsets: Offsets
    end_offsets: Offsets


class Span(NamedTuple):
    """Up to where a topic was read, and from where on its records are still needed."""

    wanted: Offsets
    """The first record that Kafka must still hold, by partition."""
    read_until: Offsets
    """Exclusive."""


class WindowChange(NamedTuple):
    """Where the sealed windows end, and where the next ones would begin; the length of windows may have changed."""

    length_before: timedelta
    sealed_until: datetime
    ended_at: datetime
    """The end of the last sealed window, by the length before."""
    begins_at: datetime
    """The start of the first unsealed window, by the current length."""


@dataclass(frozen=True, slots=True)
class Past:
    """The past of one checkpoint, by the database."""

    checkpoints: dict[UUID, Fingerprint]
    """The fingerprints of all checkpoints that have fed the database."""
    entries: list[Entry]
    """The newest batches of the checkpoint's query, newest first."""
    newest_writer: UUID | None
    """The query that wrote last; None if none has written yet."""
    open_hits: int | None
    """Hits in open windows after the newest batch; None if its books are not closed."""

    @property
    def newest_topic_id(self) -> str | None:
        """Id of the topic that was read last; None if none was."""
        return self.checkpoints.get(self.newest_writer, {}).get("topic id") if self.newest_writer else None


class NewestBatch(NamedTuple):
    """The newest batch in the ledger."""

    query_id: UUID
    batch_id: int
    end_offsets: Offsets
    watermark: datetime | None
    """The watermark that it ran under; None before there is one."""
    is_in_books: bool
    """Whether a run has closed its books over it."""


class Standing(NamedTuple):
    """How the newest live run has left the pipeline."""

    run_id: int
    is_closed: bool
    """Whether it has closed its books; a run that goes on, failed or was killed has not."""
    query_id: UUID | None
    left_work: bool | None
    """Whether it has left work that needs no new record; None if that is not known."""
    newest_batch: NewestBatch | None


def read_standing(connection: psycopg.Connection[Any]) -> Standing | None:
    """Return how the newest live run has left the pipeline; None before the first one."""
    with connection.transaction():
        row = connection.execute(statement("standing"), {}).fetchone()
    if row is None:
        return None
    run_id, is_closed, query_id, left_work, *batch = row
    newest_batch = NewestBatch(*batch) if batch[0] else None
    return Standing(run_id, is_closed, query_id, left_work, newest_batch)


def read_past(connection: psycopg.Connection[Any], query_id: UUID | None) -> Past:
    """Ask the database about the past of the checkpoint with this query."""
    with connection.transaction():
        checkpoints = dict(connection.execute("SELECT query_id, fingerprint FROM etl.checkpoint").fetchall())
        about = {"query_id": query_id, "most": NEWEST_BATCHES}
        entries = [Entry(*row) for row in connection.execute(statement("newest_batches"), about)]
        newest_writer, open_hits = connection.execute(statement("newest_writer"), {}).fetchone() or (None, 0)
    return Past(checkpoints, entries, newest_writer, open_hits)


def read_last_records(connection: psycopg.Connection[Any], topic_id: str) -> list[LastRecords]:
    """Return the last records that runs have read of a topic, the newest run first."""
    with connection.transaction():
        about = {"topic_id": topic_id, "most": NEWEST_RUNS}
        rows = connection.execute(statement("last_records"), about).fetchall()
    return [{partition: LastRecord(*record) for partition, record in records.items()} for (records,) in rows]


def read_window_change(connection: psycopg.Connection[Any]) -> WindowChange | None:
    """Return how the next windows would follow the sealed ones; None if none is sealed."""
    with connection.transaction():
        row = connection.execute(statement("window_change"), {"window_length": WINDOW}).fetchone()
    return WindowChange(*row) if row else None


def read_rebuild_span(connection: psycopg.Connection[Any], topic_id: str) -> Span | None:
    """Return the range of a topic that a new checkpoint has to read to count all unsealed windows.

    None if no batch has read the topic. The query is slow with years of batches, so ask only if you need it.
    """
    with connection.transaction():
        about = {"topic_id": topic_id, "window_length": WINDOW}
        row = connection.execute(statement("rebuild_range"), about).fetchone()
    return Span(*row) if row else None
