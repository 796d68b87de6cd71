"""The first step of every write to the result table: Spark's tasks copy their windows into a staging table.

The windows go to PostgreSQL as they stream by, so the memory of neither driver nor task grows with their number.
"""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Literal
from uuid import UUID, uuid4

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql
from pyspark.sql import DataFrame

from web_traffic.arrow import spark_ddl
from web_traffic.faults import fault_point
from web_traffic.settings import Settings
from web_traffic.warehouse.binary_copy import END, SIGNATURE, to_rows
from web_traffic.warehouse.connection import connect
from web_traffic.windows import HIT_COLUMNS

StagingTable = Literal["staged_window", "staged_restatement"]
STAGE = pa.schema([("stage_id", pa.string()), ("hits", pa.int64())])
STAGED_COLUMNS = ("stage_id", *HIT_COLUMNS)


def stage_windows(hits: DataFrame, table: StagingTable, settings: Settings) -> dict[UUID, int]:
    """Run the plan of `HIT_COLUMNS` and copy its rows into the staging table; return the hits of each stage by its id.

    A stage is the rows that one task copied. Rows of failed attempts stay in the table, under ids that nobody knows.
    """
    stages = hits.select(*HIT_COLUMNS).mapInArrow(_copier(table, settings), spark_ddl(STAGE)).collect()
    return {UUID(stage.stage_id): stage.hits for stage in stages}


def _copier(table: StagingTable, settings: Settings) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return the task that copies its windows into the staging table and reports its stage's id and hits."""

    def stage(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        first = next((batch for batch in batches if batch.num_rows), None)
        if first is None:
            return
        stage_id = uuid4()
        hits = 0
        with connect(settings) as connection, connection.cursor().copy(_copy_into(table)) as copy:
            copy.write(SIGNATURE)
            for windows in chain([first], batches):
                copy.write(to_rows(windows, HIT_COLUMNS, stage_id))
                hits += pc.sum(windows.columns[-1], min_count=0).as_py()
                fault_point("copying")
            copy.write(END)
        fault_point("windows staged")
        yield pa.RecordBatch.from_pylist([{"stage_id": str(stage_id), "hits": hits}], schema=STAGE)

    return stage


def _copy_into(table: StagingTable) -> sql.Composed:
    columns = sql.SQL(", ").join(map(sql.Identifier, STAGED_COLUMNS))
    return sql.SQL("COPY {} ({}) FROM STDIN BINARY").format(sql.Identifier("etl", table), columns)
