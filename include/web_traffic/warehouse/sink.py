"""The sink of the live stream: each micro-batch reaches PostgreSQL whole, and once.

Two steps. Every Spark task copies its share of the closed windows into `etl.staged_window` (see `staging`). Then the
driver moves the batch into the result table in one short transaction, together with its ledger row and the advance of
`sealed_until`.
"""

from dataclasses import asdict
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb
from pyspark.sql import DataFrame

from web_traffic.checkpoint import Batch, Offsets
from web_traffic.errors import NeedsAttention
from web_traffic.faults import fault_point
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect, statement
from web_traffic.warehouse.staging import StagedWindowsLost, stage_windows


class Fenced(NeedsAttention):
    """The pipeline belongs to a newer run; this one has committed nothing, and must not go on."""


class LedgerMismatch(NeedsAttention):
    """The ledger knows the batch with other offsets: checkpoint and database are not of the same time."""


def write_batch(hits: DataFrame, batch: Batch, run_id: int, settings: Settings) -> None:
    """Write one micro-batch of `HIT_COLUMNS`; a batch that the ledger knows is not written again.

    The plan runs in either case: Spark commits the state of a batch only when its plan has run.
    """
    stages = stage_windows(hits, "staged_window", settings)
    with connect(settings) as connection:
        fault_point("before begin")
        _commit(connection, batch, run_id, stages)


def _commit(connection: psycopg.Connection, batch: Batch, run_id: int, stages: dict[UUID, int]) -> None:
    figures = asdict(batch) | {
        "run_id": run_id,
        "stage_ids": list(stages),
        "start_offsets": Jsonb(batch.start_offsets),
        "end_offsets": Jsonb(batch.end_offsets),
    }
    with connection.transaction():
        [(holder, *newer)] = connection.execute(statement("lock_pipeline")).fetchall()
        if holder != run_id:
            raise Fenced(
                f"run {run_id} was refused: the pipeline belongs to run {holder} ({newer[0]}), started at {newer[1]}"
            )
        if known := connection.execute(statement("find_batch"), figures).fetchone():
            _require_same(batch, *known)
        else:
            windows, emitted, superseded = connection.execute(statement("move_staged_windows"), figures).fetchall()[0]
            if emitted + superseded != sum(stages.values()):
                raise StagedWindowsLost(
                    f"batch {batch.batch_id}: {emitted + superseded} hits staged, {sum(stages.values())} copied"
                )
            moved = {"windows": windows, "emitted": emitted, "superseded": superseded}
            connection.execute(statement("enter_batch"), figures | moved)
            connection.execute(statement("seal"), figures)
        if stages:
            connection.execute("TRUNCATE etl.staged_window")


def _require_same(batch: Batch, start_offsets: Offsets, end_offsets: Offsets) -> None:
    if (batch.start_offsets, batch.end_offsets) != (start_offsets, end_offsets):
        raise LedgerMismatch(
            f"batch {batch.batch_id} is in the ledger with the offsets {start_offsets} to {end_offsets}, in the "
            f"checkpoint with {batch.start_offsets} to {batch.end_offsets}: one of the two was restored from a copy; "
            "run once with rebuild_checkpoint"
        )
