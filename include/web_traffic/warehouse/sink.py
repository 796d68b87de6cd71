"""The sink of the live stream: each micro-batch reaches PostgreSQL whole, and once.

Two steps. Every Spark task copies its share of the closed windows into `etl.staged_window` as they stream by, so the
memory of neither driver nor task grows with their number. Then the driver moves the batch into the result table in one
short transaction, together with its ledger row and the advance of `sealed_until`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pyarrow as pa
from psycopg.types.json import Jsonb
from pyspark.sql import DataFrame

from web_traffic.checkpoint import Batch, Offsets
from web_traffic.errors import NeedsAttention
from web_traffic.faults import fault_point
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect, statement
from web_traffic.windows import HIT_COLUMNS

STAGE = pa.schema([("stage_id", pa.string()), ("hits", pa.int64())])
STAGE_DDL = "stage_id string, hits long"
COPY_WINDOWS = (
    "COPY etl.staged_window (stage_id, window_start, window_end, host, referrer, num_hits) FROM STDIN BINARY"
)
COPY_TYPES = ("uuid", "timestamptz", "timestamptz", "text", "text", "int8")


class StagedWindowsLost(RuntimeError):
    """The staging table holds other hits than the tasks copied; nothing was committed, a retry writes the batch."""


class Fenced(NeedsAttention):
    """The pipeline belongs to a newer run; this one has committed nothing, and must not go on."""


class LedgerMismatch(NeedsAttention):
    """The ledger knows the batch with other offsets: checkpoint and database are not of the same time."""


def write_batch(hits: DataFrame, batch: Batch, run_id: int, settings: Settings) -> None:
    """Write one micro-batch of `HIT_COLUMNS`; a batch that the ledger knows is not written again.

    The plan runs in either case: Spark commits the state of a batch only when its plan has run.
    """
    stages = hits.select(*HIT_COLUMNS).mapInArrow(_stage_windows(settings), STAGE_DDL).collect()
    with connect(settings) as connection:
        fault_point("before begin")
        _commit(connection, batch, run_id, {UUID(stage.stage_id): stage.hits for stage in stages})


def _stage_windows(settings: Settings) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return the task that copies its windows into the staging table and reports its stage's id and hits."""

    def stage(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        first = next((batch for batch in batches if batch.num_rows), None)
        if first is None:
            return
        stage_id = uuid4()
        hits = 0
        with connect(settings) as connection, connection.cursor().copy(COPY_WINDOWS) as copy:
            copy.set_types(COPY_TYPES)
            for window in _rows(first, batches):
                copy.write_row((stage_id, *window))
                hits += window[-1]
        fault_point("windows staged")
        yield pa.RecordBatch.from_pylist([{"stage_id": str(stage_id), "hits": hits}], schema=STAGE)

    return stage


def _rows(first: pa.RecordBatch, others: Iterable[pa.RecordBatch]) -> Iterator[tuple[Any, ...]]:
    for batch in (first, *others):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
        fault_point("copying")


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
