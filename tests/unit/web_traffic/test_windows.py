"""The window aggregation, on bounded rows and on a stream with a watermark."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession

from web_traffic.precount import COUNTS, COUNTS_DDL
from web_traffic.windows import HIT_COLUMNS, count_hits

Row = tuple[str, str, str | None, int]


def counts(*rows: Row) -> pa.Table:
    """Return pre-counted hits of 29 March 2026: time, host, referrer, hits."""
    return pa.Table.from_pylist(
        [
            {
                "event_time": datetime.fromisoformat(f"2026-03-29T{time}").replace(tzinfo=UTC),
                "host": host,
                "referrer": referrer,
                "hits": hits,
                "rejected": 0,
                "future": 0,
            }
            for time, host, referrer, hits in rows
        ],
        schema=COUNTS,
    )


def windows(hits: DataFrame) -> list[Row]:
    assert hits.columns == list(HIT_COLUMNS)
    rows = hits.selectExpr("date_format(window_start, 'HH:mm')", "host", "referrer", "num_hits").collect()
    return sorted((tuple(row) for row in rows), key=str)


@pytest.fixture
def closed_by(spark: SparkSession, tmp_path: Path) -> Callable[..., list[Row]]:
    """Return a function that feeds rows to one and the same stream and returns the windows closed so far."""
    source, checkpoint, sink = (str(tmp_path / name) for name in ("source", "checkpoint", "sink"))
    (tmp_path / "source").mkdir()

    def feed(*rows: Row) -> list[Row]:
        file = tmp_path / "source" / f"{len(list((tmp_path / 'source').iterdir()))}.parquet"
        pq.write_table(counts(*rows), file)
        hits = spark.readStream.schema(COUNTS_DDL).parquet(source)
        stream = count_hits(hits).writeStream.option("checkpointLocation", checkpoint).trigger(availableNow=True)
        stream.start(sink).awaitTermination()
        return windows(spark.read.parquet(sink))

    return feed


def test_hits_either_side_of_a_boundary_fall_in_two_windows(spark: SparkSession) -> None:
    hits = spark.createDataFrame(counts(("12:04:59.999999", "a", None, 1), ("12:05:00", "a", None, 1)))
    assert windows(count_hits(hits)) == [("12:00", "a", None, 1), ("12:05", "a", None, 1)]


def test_hits_are_summed_by_host_and_referrer_and_null_is_a_referrer_of_its_own(spark: SparkSession) -> None:
    rows = (("12:00", "a", "r", 2), ("12:01", "a", "r", 3), ("12:01", "a", None, 4), ("12:01", "a", "", 5))
    hits = spark.createDataFrame(counts(*rows))
    assert windows(count_hits(hits)) == [("12:00", "a", "", 5), ("12:00", "a", "r", 5), ("12:00", "a", None, 4)]


def test_a_window_comes_out_when_the_watermark_has_reached_its_end(closed_by: Callable[..., list[Row]]) -> None:
    assert closed_by(("12:01", "a", None, 1), ("12:05:59.999", "b", None, 1)) == []
    assert closed_by(("12:06", "b", None, 1)) == [("12:00", "a", None, 1)]


def test_a_late_hit_counts_until_its_window_is_closed_and_not_after(closed_by: Callable[..., list[Row]]) -> None:
    closed_by(("12:05:59.999", "b", None, 1))
    closed_by(("12:04:59.999", "a", None, 1), ("12:06", "b", None, 1))
    assert closed_by(("12:04:59.999", "a", None, 1), ("12:12", "b", None, 1)) == [
        ("12:00", "a", None, 1),
        ("12:05", "b", None, 2),
    ]
