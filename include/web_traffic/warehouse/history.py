"""What the database remembers of the past: checkpoints, batches, and what a new checkpoint would have to read."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from web_traffic.checkpoint import Offsets
from web_traffic.statements import statements_beside
from web_traffic.window_length import WINDOW

statement = statements_beside(__file__)
NEWEST_BATCHES = 100
"""Batches of a query that an examination looks at: what is older was looked at before, and the recount sees all."""
NEWEST_RUNS = 100
"""Runs whose last records tell how far back a log was cut."""

Fingerprint = dict[str, str]


class LastRecord(NamedTuple):
    """What the last record that was read of a partition is recognised by."""

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
    """What was read of a topic, and from where on it matters."""

    wanted: Offsets
    """The first record that has to be there still, by partition."""
    read_until: Offsets
    """Exclusive."""


class WindowChange(NamedTuple):
    """What is sealed, and where windows would go on from there; their length may have changed since."""

    length_before: timedelta
    sealed_until: datetime
    ended_at: datetime
    """When the last sealed window ended, by the length before."""
    begins_at: datetime
    """When the first window begins that is not sealed, by the length now."""


@dataclass(frozen=True, slots=True)
class Past:
    """The past by the database, as far as it is about one checkpoint."""

    checkpoints: dict[UUID, Fingerprint]
    """What all checkpoints that have fed the database were made with."""
    entries: list[Entry]
    """The newest batches of the checkpoint's query, newest first."""
    newest_writer: UUID | None
    """The query that has written last; None if none has written yet."""
    open_hits: int | None
    """Hits in open windows after the newest batch; None if no closed books say so."""

    @property
    def newest_topic_id(self) -> str | None:
        """Id of the topic that was read last; None if none was."""
        return self.checkpoints.get(self.newest_writer, {}).get("topic id") if self.newest_writer else None


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
    """Return how the windows that are not sealed would follow the sealed ones; None if none is sealed."""
    with connection.transaction():
        row = connection.execute(statement("window_change"), {"window_length": WINDOW}).fetchone()
    return WindowChange(*row) if row else None


def read_rebuild_span(connection: psycopg.Connection[Any], topic_id: str) -> Span | None:
    """Return what a new checkpoint has to read of a topic, to count all windows that are not sealed.

    None if no batch has read the topic. Slow with years of batches, so ask only when there is need.
    """
    with connection.transaction():
        about = {"topic_id": topic_id, "window_length": WINDOW}
        row = connection.execute(statement("rebuild_range"), about).fetchone()
    return Span(*row) if row else None
