"""The sink of the live stream: it writes each micro-batch to PostgreSQL as a whole, and once.

It takes two steps. Every Spark task copies its share of the closed windows into `etl.staged_window` (see `staging`).
Then the driver moves the batch into the result table in one short transaction, which also enters the batch in the
ledger and advances `sealed_until`.
"""

from dataclasses import asdict
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb
from pyspark.sql import DataFrame

from web_traffic.checkpoint import Batch
from web_traffic.errors import Fenced, LedgerMismatch, RowsHeldBack, StagedWindowsLost
from web_traffic.faults import fault_point
from web_traffic.kafka import Offsets
from web_traffic.settings import Settings
from web_traffic.statements import statements_beside
from web_traffic.warehouse.connection import connect
from web_traffic.warehouse.history import LastRecords
from web_traffic.warehouse.ledger import RESTORED, RunKey
from web_traffic.warehouse.locks import lock_pipeline
from web_traffic.warehouse.staging import stage_windows

statement = statements_beside(__name__)


def write_batch(hits: DataFrame, batch: Batch, run: RunKey, last_records: LastRecords, settings: Settings) -> None:
    """Write one micro-batch of `HIT_COLUMNS`, unless the ledger knows it already.

    The same transaction saves the last records that the run has read, so a run that is killed later has them, too.

    The plan runs in either case: Spark commits the state of a batch only after its plan has run.
    """
    stages = stage_windows(hits, "staged_window", settings)
    with connect(settings) as connection:
        fault_point("before begin")
        _commit(connection, batch, run, last_records, stages)


def _commit(
    connection: psycopg.Connection, batch: Batch, run: RunKey, last_records: LastRecords, stages: dict[UUID, int]
) -> None:
    figures = asdict(batch) | {
        "run_id": run.run_id,
        "stage_ids": list(stages),
        "start_offsets": Jsonb(batch.start_offsets),
        "end_offsets": Jsonb(batch.end_offsets),
        "last_records": Jsonb(last_records),
    }
    with connection.transaction():
        holder, name, started_at = lock_pipeline(connection)
        if (holder, started_at) != run:
            restored = f", not at {run.started_at}: the database was restored from a copy"
            raise Fenced(
                f"run {run.run_id} was refused: the pipeline belongs to run {holder} ({name}), started at {started_at}"
                f"{restored if holder == run.run_id else ''}; start again"
            )
        known = {batch_id: offsets for batch_id, *offsets in connection.execute(statement("find_batch"), figures)}
        if batch.batch_id in known:
            _require_same(batch, *known[batch.batch_id])
        else:
            _require_next(batch, known.get(batch.batch_id - 1))
            moved = connection.execute(statement("move_staged_windows"), figures).fetchall()
            [(staged, windows, emitted, superseded)] = moved
            if staged != sum(stages.values()):
                raise StagedWindowsLost(
                    f"batch {batch.batch_id}: {sum(stages.values()):,} hits were copied, but {staged:,} are staged"
                )
            if emitted + superseded != staged:
                found = f"batch {batch.batch_id}: {emitted:,} of {staged - superseded:,} hits were written"
                raise RowsHeldBack(found, "aggregated_web_traffic")
            figures |= {"windows": windows, "emitted": emitted, "superseded": superseded}
            connection.execute(statement("enter_batch"), figures)
            connection.execute(statement("seal"), figures)
            connection.execute(statement("mark_run"), figures)
        if stages:
            connection.execute("TRUNCATE etl.staged_window")


def _require_same(batch: Batch, start_offsets: Offsets, end_offsets: Offsets) -> None:
    if (batch.start_offsets, batch.end_offsets) != (start_offsets, end_offsets):
        raise LedgerMismatch(
            f"batch {batch.batch_id} is in the ledger with the offsets {start_offsets} to {end_offsets}, in the "
            f"checkpoint with {batch.start_offsets} to {batch.end_offsets}: {RESTORED}"
        )


def _require_next(batch: Batch, before: list[Offsets] | None) -> None:
    """Refuse a batch that does not follow the ledger's last one: the records between them may be in no window."""
    if batch.batch_id == 0:
        return
    if before is None:
        raise LedgerMismatch(
            f"batch {batch.batch_id} was refused: batch {batch.batch_id - 1} is not in the ledger; {RESTORED}"
        )
    _, ended_at = before
    if any(offset != ended_at.get(partition, 0) for partition, offset in batch.start_offsets.items()):
        raise LedgerMismatch(
            f"batch {batch.batch_id} was refused: it starts at {batch.start_offsets}, but in the ledger batch "
            f"{batch.batch_id - 1} ends at {ended_at}; {RESTORED}"
        )
