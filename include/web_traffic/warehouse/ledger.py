"""The books: runs in `etl.run`, micro-batches in `etl.batch`."""

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from web_traffic.warehouse.connection import statement

Summary = dict[str, Any]
"""A row of `etl.run` as JSON: offsets by partition, the books in events, times in UTC, seconds by phase."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What Spark counted of one micro-batch, in Kafka records, ahead of the watermark."""

    batch_id: int
    read: int
    rejected: int
    future: int
    dropped_rows: int
    """`numRowsDroppedByWatermark`: pre-counted rows, so it tells whether something was late, not how much."""


class RunLedger:
    """The record of one run, from its start to its closed books."""

    def __init__(self, connection: psycopg.Connection[Any], name: str) -> None:
        """Enter the run as running; a run that was left open is marked as failed."""
        self._connection = connection
        with connection.transaction():
            self.run_id: int = connection.execute(statement("open_run"), {"name": name}).fetchall()[0][0]

    def known_open_hits(self, query_id: UUID, batch_id: int) -> int | None:
        """Return the hits in open windows after a batch, if a run that ended there has counted them."""
        with self._connection.transaction():
            key = {"query_id": query_id, "batch_id": batch_id}
            row = self._connection.execute(statement("known_open_hits"), key).fetchone()
        return row[0] if row else None

    def close(
        self, query_id: UUID, batches: list[Observed], open_before: int, open_after: int, phases: dict[str, float]
    ) -> Summary:
        """Close the books over the batches that the run brought to their end, and return the run's summary."""
        with self._connection.transaction():
            for batch in batches:
                self._connection.execute(statement("count_batch"), {"query_id": query_id, **asdict(batch)})
            figures = {
                "run_id": self.run_id,
                "query_id": query_id,
                "first_batch": min((batch.batch_id for batch in batches), default=None),
                "last_batch": max((batch.batch_id for batch in batches), default=None),
                "open_before": open_before,
                "open_after": open_after,
                "dropped_rows": sum(batch.dropped_rows for batch in batches),
                "phases": Jsonb(phases),
            }
            summary: Summary = self._connection.execute(statement("close_run"), figures).fetchall()[0][0]
        return summary

    def fail(self, error: BaseException) -> None:
        """Mark the run as failed with the first line of its error."""
        first_line = f"{type(error).__name__}: {error}".splitlines()[0][:1000]
        with self._connection.transaction():
            self._connection.execute(statement("fail_run"), {"run_id": self.run_id, "error": first_line})


def run_summary(connection: Any, name: str) -> Summary | None:
    """Return the newest record of the run called `name`."""
    with connection.cursor() as cursor:
        cursor.execute(statement("run_summary").decode(), {"name": name})
        row = cursor.fetchone()
    return row[0] if row else None
