"""Write a batch of closed windows in one way, and print what it took; `bench/sink.py` starts it with spark-submit.

- staged: what the project does: tasks COPY into a staging table, one transaction moves the rows
- driver: the driver fetches the rows with toLocalIterator and COPYs them in one transaction
- any other: Spark's JDBC append, a transaction for each task
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from contenders.seed import write as append_by_jdbc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from web_traffic.checkpoint import Batch
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect
from web_traffic.warehouse.ledger import RunLedger
from web_traffic.warehouse.sink import write_batch

WARM_UP = 2_000
"""Rows of a batch before the one that is measured: a run's first batch starts its Python workers and compiles."""
COLUMNS = ("window_start", "window_end", "host", "referrer", "num_hits")
COPY = f"COPY aggregated_web_traffic ({', '.join(COLUMNS)}) FROM STDIN BINARY"


def main(way: str, rows: int) -> None:
    """Write that many windows, and print seconds and the peak memory of the driver's two processes."""
    spark = SparkSession.builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
    settings = Settings.from_environment()
    do = prepare(way, settings)
    do(make_windows(spark, rows, WARM_UP), 0)
    began = time.monotonic()
    do(make_windows(spark, 0, rows), 1)
    seconds = time.monotonic() - began
    with connect(settings) as connection:
        [(found,)] = connection.execute("SELECT count(*) FROM aggregated_web_traffic").fetchall()
    assert found == rows + WARM_UP
    peak = next(line for line in Path(f"/proc/{os.getppid()}/status").read_text().splitlines() if "VmHWM" in line)
    python = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "jvm": int(peak.split()[1]) / 1024, "python": python}))


def make_windows(spark: SparkSession, first: int, rows: int) -> DataFrame:
    """Windows as they come out of the aggregation: 12 times 60 hosts, each with the referrers that it takes."""
    start = F.timestamp_seconds(F.lit(1_774_785_600) + 300 * (F.col("id") % 12))
    return spark.range(first, first + rows, 1, 2).select(
        start.alias("window_start"),
        (start + F.expr("interval 5 minutes")).alias("window_end"),
        F.concat(F.lit("host-"), F.expr("id div 12 % 60"), F.lit(".example")).alias("host"),
        F.concat(F.lit("https://referrer.example/some/page/"), F.expr("id div 720")).alias("referrer"),
        (F.col("id") % 100 + 1).alias("num_hits"),
    )


def prepare(way: str, settings: Settings) -> Callable[[DataFrame, int], None]:
    """Return what writes a batch of windows, and its number, in that way."""
    if way == "staged":
        with connect(settings) as connection:
            run = RunLedger.begin(connection, "bench").key
        query = uuid4()
        return lambda windows, number: write_batch(
            windows, Batch(query, number, datetime.now(UTC), {}, {}, None), run, {}, settings
        )
    if way == "driver":
        return lambda windows, _: copy_from_the_driver(windows, settings)
    window = F.struct(F.col("window_start").alias("start"), F.col("window_end").alias("end")).alias("window")
    return lambda windows, number: append_by_jdbc(windows.select(window, *COLUMNS[2:]), number)


def copy_from_the_driver(windows: DataFrame, settings: Settings) -> None:
    """Fetch the rows and COPY them."""
    with connect(settings) as connection, connection.cursor().copy(COPY.encode()) as copy:
        copy.set_types(("timestamp", "timestamp", "text", "text", "int8"))  # Spark's rows come without a zone
        for row in windows.toLocalIterator():
            copy.write_row(row)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
