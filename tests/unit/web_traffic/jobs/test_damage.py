"""Which errors of Spark say that its checkpoint is damaged; the texts are Spark 4.2's, with short stacks."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from web_traffic.errors import CheckpointMismatch
from web_traffic.jobs.damage import damage, damage_is_refused

CUT_DELTA = """\
An error occurred while calling o1.collectToPython.
: org.apache.spark.SparkException: [CANNOT_LOAD_STATE_STORE.UNCATEGORIZED] An error occurred during loading state.
\tat org.apache.spark.sql.execution.streaming.state.HDFSBackedStateStoreProvider.getReadStore(…)
Caused by: java.io.EOFException
\tat java.base/java.io.DataInputStream.readInt(DataInputStream.java:397)
\t... 37 more
"""
SCRAMBLED_DELTA = CUT_DELTA.replace("EOFException", "IOException: Stream is corrupted")
DISK_ERROR = CUT_DELTA.replace("EOFException", "IOException: Input/output error")
WORKER_KILLED = """\
: org.apache.spark.SparkException: Python worker exited unexpectedly (crashed)
\tat org.apache.spark.sql.execution.streaming.state.StateStoreRDD.compute(StateStoreRDD.scala:131)
Caused by: java.io.EOFException
"""


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (CUT_DELTA, "EOFException"),
        (SCRAMBLED_DELTA, "IOException: Stream is corrupted"),
        (DISK_ERROR, None),
        (WORKER_KILLED, None),
        ("no such table", None),
    ],
)
def test_damage_is_told_from_what_may_be_temporary(text: str, cause: str | None) -> None:
    assert damage(RuntimeError(text)) == cause


def test_damage_is_refused_with_its_way_out() -> None:
    said = r"is damaged: .*\(EOFException\); run once with rebuild_checkpoint"
    with pytest.raises(CheckpointMismatch, match=said), damage_is_refused():
        raise RuntimeError(CUT_DELTA)


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="Python worker"), damage_is_refused():
        raise RuntimeError(WORKER_KILLED)


def count_windows(spark: SparkSession, folder: Path, checkpoint: Path) -> None:
    """Run a small query of the same kind over the files of a folder."""
    events = spark.readStream.schema("at timestamp").json(str(folder))
    counts = events.withWatermark("at", "1 minute").groupBy(F.window("at", "5 minutes")).count()
    query = (
        counts.writeStream.outputMode("append")
        .option("checkpointLocation", str(checkpoint))
        .trigger(availableNow=True)
        .foreachBatch(lambda windows, _: windows.collect())
        .start()
    )
    query.awaitTermination()


@pytest.mark.parametrize(
    ("file", "content", "cause"),
    [
        ("_metadata/schema", b"", "EOFException"),
        ("_metadata/schema", b"\0\2v2\0\0", "EOFException"),
        ("_metadata/schema", b"\0" * 50, "MALFORMED_LOG_FILE"),
        ("1.delta", b"\0\0\0", "EOFException"),
        ("1.delta", b"\0" * 50, "Stream is corrupted"),
    ],
)
def test_what_spark_says_of_damaged_state_is_recognised(
    spark: SparkSession, tmp_path: Path, file: str, content: bytes, cause: str
) -> None:
    events, checkpoint = tmp_path / "events", tmp_path / "checkpoint"
    events.mkdir()
    (events / "1.json").write_text('{"at": "2026-01-01T00:01:00Z"}')
    count_windows(spark, events, checkpoint)
    for partition in ("0", "1"):
        damaged = checkpoint / "state/0" / partition / file
        if damaged.exists():  # only the first partition has the schema
            damaged.write_bytes(content)
            damaged.with_name(f".{damaged.name}.crc").unlink()
    (events / "2.json").write_text('{"at": "2026-01-01T00:02:00Z"}')
    with pytest.raises(CheckpointMismatch, match=cause), damage_is_refused():
        count_windows(spark, events, checkpoint)
