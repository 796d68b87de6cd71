"""A checkpoint on a real HDFS: all that a run does with a checkpoint, it does there too."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local_stack import Stack
from tests.faults.stopped import stopped_at
from tests.integration.test_aggregate import books, event
from tests.integration.test_guard import refusal
from tests.pipeline import Pipeline, make_pipeline
from tests.restating import figures, restate
from tests.stores import hdfs
from web_traffic.gate import Decision
from web_traffic.storage import Storage

SOON = datetime(2026, 3, 29, 0, 21, tzinfo=UTC)


@pytest.fixture
def pipeline(stack: Stack, tmp_path: Path) -> Iterator[Pipeline]:
    """Return a pipeline whose checkpoint is on HDFS."""
    with hdfs(tmp_path) as store:
        yield make_pipeline(stack, "on_hdfs", tmp_path, CHECKPOINT_LOCATION=f"{store.root}/web-traffic/checkpoint")


def test_runs_retries_restatements_and_rebuilds_are_right_with_a_checkpoint_on_hdfs(pipeline: Pipeline) -> None:
    pipeline.produce(event("00:01"), event("00:07"), at=SOON)
    with stopped_at(pipeline, "batch committed") as killed:
        killed.kill("group")
    assert pipeline.ask_gate().reason == "run 1 has not closed its books"
    assert books(pipeline.run()) == (2, 0, 0, 0, 1, 1)
    assert pipeline.ask_gate() == Decision(False, "nothing new", 0)

    pipeline.produce(event("00:02"), event("00:12"), at=SOON)
    assert books(pipeline.run()) == (2, 0, 0, 1, 1, 1)
    assert figures(restate(pipeline, "00:00", "00:05")) == (1, 1, 1, 2)

    location = pipeline.settings.checkpoint_location
    pipeline.produce(event("00:13"), at=SOON)
    assert f"there is no checkpoint in {location}" in refusal(pipeline, CHECKPOINT_LOCATION=f"{location}/other")
    rebuilt = pipeline.run(REBUILD_CHECKPOINT="true")
    assert (rebuilt["emitted"], rebuilt["open_after"]) == (0, 2)
    above, _, name = location.rpartition("/")
    assert [one.startswith(f"{name}.replaced-") for one in sorted(Storage(above).list(""))] == [False, True]
    pipeline.produce(event("00:18"), at=SOON)
    assert pipeline.run()["emitted"] == 2
    assert sorted(pipeline.windows().values()) == [1, 2, 2]
    recount = pipeline.recount()
    assert recount.is_right, recount
