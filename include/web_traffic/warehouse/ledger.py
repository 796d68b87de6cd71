"""The books: runs in `etl.run`, micro-batches in `etl.batch`."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, Self
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from web_traffic.causes import explain
from web_traffic.errors import LedgerMismatch, RunInProgress
from web_traffic.statements import statements_beside
from web_traffic.warehouse.connection import Connection
from web_traffic.warehouse.history import LastRecords
from web_traffic.warehouse.locks import Lock, take_turn

statement = statements_beside(__file__)
RUN_WAIT = timedelta(minutes=5)
"""How long a run waits for the one before: a driver that has outlived its Airflow task ends its run meanwhile."""
RESTORED = "database or checkpoint was restored from a copy; start again, and the examination names the way out"

Summary = dict[str, Any]
"""A row of `etl.run` as JSON: offsets by partition, the books in events, times in UTC, seconds by phase."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What Spark counted of one micro-batch, in Kafka records, ahead of the watermark."""

    batch_id: int
    read: int
    rejected: int
    future: int
    dropped_rows: int | None
    """`numRowsDroppedByWatermark`: pre-counted rows, so it tells whether something was late, not how much; None for a
    batch that was counted afterwards."""
    oldest_kafka_ms: int | None
    """Oldest Kafka timestamp of the records, in ms since 1970; None if there are none."""
    newest_kafka_ms: int | None


class RunKey(NamedTuple):
    """What tells a run from all others: in a database that was restored from a copy numbers are given again."""

    run_id: int
    started_at: datetime


class RunLedger:
    """The record of one run, from its start to its closed books.

    The run holds an advisory lock for as long as its connection lasts, so that runs follow one another. The pipeline
    belongs to the newest run: if a run loses its lock but lives on, its commits are refused.
    """

    def __init__(self, connection: psycopg.Connection[Any], key: RunKey) -> None:
        """Take a run that `begin` has entered, and the connection that keeps its lock."""
        self._connection = connection
        self.key = key

    @classmethod
    def begin(cls, connection: Connection, name: str, wait: timedelta = RUN_WAIT) -> Self:
        """Wait for the run before, if there is one, and enter this one as running.

        A run that was left open is marked as failed. Raises `RunInProgress` if the wait was in vain.
        """
        connection.hold(take_turn(connection, Lock.LIVE_RUN, wait, RunInProgress))
        with connection.transaction():
            [key] = connection.execute(statement("open_run"), {"name": name}).fetchall()
        return cls(connection, RunKey(*key))

    @property
    def run_id(self) -> int:
        """Number of the run in `etl.run`."""
        return self.key.run_id

    def accept(self, gap: dict[str, list[int]] | None, max_clock_skew: timedelta) -> None:
        """Note the lost offsets that the run may pass over, and how far it lets events be ahead, before it does."""
        with self._connection.transaction():
            row = {"run_id": self.run_id, "gap": Jsonb(gap) if gap else None, "max_clock_skew": max_clock_skew}
            self._connection.execute(statement("accept"), row)

    def register(self, query_id: UUID, fingerprint: dict[str, str]) -> None:
        """Note what a checkpoint was made with, at its first run."""
        with self._connection.transaction():
            row = {"query_id": query_id, "fingerprint": Jsonb(fingerprint)}
            self._connection.execute(statement("register_checkpoint"), row)

    def last_closed(self, query_id: UUID) -> tuple[int, int]:
        """Return the last batch that is in closed books, and the open hits after it; -1 and 0 before the first one."""
        with self._connection.transaction():
            row = self._connection.execute(statement("last_closed"), {"query_id": query_id}).fetchone()
        return row or (-1, 0)

    def close(
        self,
        query_id: UUID,
        batches: list[Observed],
        open_before: int,
        open_after: int,
        last_records: LastRecords,
        phases: dict[str, float],
    ) -> Summary:
        """Close the books over the batches since the last closed books, and return the run's summary.

        Raises `LedgerMismatch` when the ledger lacks one of the batches.
        """
        with self._connection.transaction():
            for batch in batches:
                counted = self._connection.execute(statement("count_batch"), {"query_id": query_id, **asdict(batch)})
                if not counted.rowcount:
                    raise LedgerMismatch(f"batch {batch.batch_id} is not in the ledger: {RESTORED}")
            figures = {
                "run_id": self.run_id,
                "query_id": query_id,
                "first_batch": min((batch.batch_id for batch in batches), default=None),
                "last_batch": max((batch.batch_id for batch in batches), default=None),
                "open_before": open_before,
                "open_after": open_after,
                "dropped_rows": _sum_if_known(batch.dropped_rows for batch in batches),
                "last_records": Jsonb(last_records),
                "phases": Jsonb(phases),
            }
            summary: Summary = self._connection.execute(statement("close_run"), figures).fetchall()[0][0]
        return summary

    def fail(self, error: BaseException) -> None:
        """Mark the run as failed with its cause; without a connection, the next run marks it."""
        fail_run(self._connection, self.run_id, error)


def fail_run(connection: psycopg.Connection[Any], run_id: int, error: BaseException) -> None:
    """Mark a run as failed with its innermost cause, if the connection still stands."""
    with suppress(psycopg.OperationalError), connection.transaction():
        connection.execute(statement("fail_run"), {"run_id": run_id, "error": explain(error).line})


def _sum_if_known(figures: Iterable[int | None]) -> int | None:
    known = list(figures)
    return None if None in known else sum(figure or 0 for figure in known)


def has_closed(connection: psycopg.Connection[Any], query_id: UUID, batch_id: int) -> bool:
    """Whether a batch is in closed books."""
    with connection.transaction():
        found = connection.execute(statement("has_closed"), {"query_id": query_id, "batch_id": batch_id})
        return found.fetchone() is not None


def run_summary(
    connection: psycopg.Connection[Any], name: str, kind: Literal["live", "restate"] = "live"
) -> Summary | None:
    """Return the newest record of the run called `name`."""
    return _summary(connection, "run_summary", {"name": name, "kind": kind})


def take_share(connection: psycopg.Connection[Any], name: str) -> Summary | None:
    """Return the restatement that has served the run called `name` along with its own, if one has; it does so once."""
    return _summary(connection, "take_share", {"run_name": name})


def _summary(connection: psycopg.Connection[Any], name: str, parameters: dict[str, str]) -> Summary | None:
    with connection.transaction():
        row = connection.execute(statement(name), parameters).fetchone()
    return row[0] if row else None
