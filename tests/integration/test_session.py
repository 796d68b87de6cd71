"""What the application asks of the Spark that it starts."""

import gc
from collections.abc import Iterator

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from web_traffic.jobs.application import COMPILED, WORTH_COMPILING, start_session
from web_traffic.settings import Settings


@pytest.mark.parametrize(("records", "is_compiled"), [(WORTH_COMPILING - 1, "false"), (WORTH_COMPILING, "true")])
def test_stages_are_compiled_for_many_records_only(spark: SparkSession, records: int, is_compiled: str) -> None:
    session = start_session(Settings.from_environment({}), records)

    assert (session.sparkContext, session.conf.get(COMPILED)) == (spark.sparkContext, is_compiled)


def test_what_the_deployment_says_of_compiling_counts(spark: SparkSession) -> None:
    system = spark.sparkContext._jvm.java.lang.System
    system.setProperty(COMPILED, "true")  # as spark-submit does with the properties file
    try:
        assert start_session(Settings.from_environment({}), 0).conf.get(COMPILED) == "true"
    finally:
        system.clearProperty(COMPILED)


def test_workers_leave_what_they_imported_out_of_their_garbage(spark: SparkSession) -> None:
    def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        list(batches)
        figures = [{"frozen": gc.get_freeze_count(), "looked_at": len(gc.get_objects())}]
        yield pa.RecordBatch.from_pylist(figures)

    [counted] = spark.range(0, 1, numPartitions=1).mapInArrow(count, "frozen long, looked_at long").collect()

    assert counted.frozen > 10 * counted.looked_at
