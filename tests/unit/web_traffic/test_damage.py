"""Which errors of Spark say that its checkpoint is damaged; the texts are Spark 4.2's, with short stacks."""

import pytest

from web_traffic.guard import CheckpointMismatch
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
