"""Deletes what is older than a person wants to keep: each kind of data by its own age, in small transactions.

What goes is noted first, in `etl.pipeline`. So a restatement of deleted windows is refused, and the recount does not
miss them. The sums of the page lose the same windows as the table. Runs and restatements go on meanwhile.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from web_traffic.kafka import Topic
from web_traffic.retention.ages import RetentionSettings
from web_traffic.statements import statements_beside
from web_traffic.warehouse.connection import Connection
from web_traffic.window_length import WINDOW

statement = statements_beside(__name__)
RUNS_AT_ONCE = 5_000
ROWS_AT_ONCE = 50_000
NEWEST_RUNS = 1_000
"""So many runs are kept however old they are: a run compares the newest ones with the checkpoint and with Kafka."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was deleted of one kind of data."""

    kind: str
    rows: int
    before: datetime
    """Only what is older was deleted."""

    def __str__(self) -> str:
        return f"{self.kind}: {self.rows:,} rows deleted that were older than {self.before:%Y-%m-%d %H:%M} UTC"


def prune(connection: Connection, keep: RetentionSettings, topic: Topic, now: datetime) -> Iterator[Pruned]:
    """Delete what is too old, kind by kind, and yield what was deleted; the connection must be the owner's.

    If it is stopped, the next call goes on. `topic` says which records Kafka still holds: events that were rejected
    stay until their records are gone, because a record that is read again must stay rejected.
    """
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if keep.results is not None:
        yield _windows(connection, midnight - keep.results)
    about = {"topic_id": topic.id, "first_offsets": Jsonb(topic.first_offsets), "at_once": ROWS_AT_ONCE}
    for kind, age in (
        ("quality_results", keep.quality_results),
        ("restatements", keep.restatements),
        ("rejected_events", keep.rejected),
        ("alerts", keep.alerts),
    ):
        if age is not None:
            cutoff = midnight - age
            yield Pruned(kind.replace("_", " "), _until_none(connection, kind, about | {"cutoff": cutoff}), cutoff)
    with connection.transaction():
        connection.execute(statement("measure_rejected"))
    if keep.runs is not None:
        yield _runs(connection, midnight - keep.runs)


def _windows(connection: Connection, cutoff: datetime) -> Pruned:
    """Delete windows and their sums day by day, the oldest first."""
    with connection.transaction():
        note = {"cutoff": cutoff, "window_length": WINDOW}
        noted = connection.execute(statement("keep_windows_from"), note).fetchone()
    if noted is None:
        return Pruned("results", 0, cutoff)
    [kept_from] = noted
    rows = 0
    while True:
        about = {"kept_from": kept_from, "at_once": timedelta(days=1)}
        with connection.transaction():
            oldest = connection.execute(statement("oldest_windows"), about).fetchone()
            if oldest is None:
                break
            [until] = oldest
            rows += connection.execute(
                "DELETE FROM public.aggregated_web_traffic WHERE window_start < %s", [until]
            ).rowcount
            # The triggers have entered the sums of these rows as negative ones.
            connection.execute("DELETE FROM etl.hits_by_host WHERE window_start < %s", [until])
            connection.execute("DELETE FROM etl.hits_by_site WHERE window_start < %s", [until])
    return Pruned("results", rows, kept_from)


def _runs(connection: Connection, cutoff: datetime) -> Pruned:
    """Delete batches and runs, the oldest first; a run stays while anything that is kept refers to it."""
    with connection.transaction():
        note = {"cutoff": cutoff, "newest": NEWEST_RUNS}
        found = connection.execute(statement("keep_runs_from"), note).fetchall()
    if not found:
        return Pruned("runs and batches", 0, cutoff)
    [(boundary, kept_from)] = found
    rows, after = 0, 0
    while True:
        with connection.transaction():
            about = {"boundary": boundary, "after": after, "at_once": RUNS_AT_ONCE}
            [(last,)] = connection.execute(statement("oldest_runs"), about).fetchall()
            if last is None:
                break
            rows += connection.execute("DELETE FROM etl.batch WHERE run_id <= %s", [last]).rowcount
            rows += connection.execute(statement("runs"), about | {"last": last}).rowcount
            after = last
    return Pruned("runs and batches", rows, kept_from)


def _until_none(connection: Connection, name: str, about: dict[str, Any]) -> int:
    rows = 0
    while True:
        with connection.transaction():
            deleted = connection.execute(statement(name), about).rowcount
        rows += deleted
        if not deleted:
            return rows
