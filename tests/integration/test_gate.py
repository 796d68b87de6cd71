"""The gate on real services: what a run leaves is known from its books, and nobody opens the checkpoint for it."""

import pytest

from tests.faults.stopped import stopped_at
from tests.integration.test_aggregate import event
from tests.pipeline import Pipeline
from tests.warm_spark import warm_session
from web_traffic.gate import Decision

NO_DATA_BATCHES = "spark.sql.streaming.noDataMicroBatches.enabled"


@pytest.mark.parametrize("point", ["batch committed", "stream ended"])
def test_after_a_run_that_was_killed_spark_runs_until_its_books_are_closed(pipeline: Pipeline, point: str) -> None:
    assert pipeline.ask_gate() == Decision(False, "the topic is empty", 0)
    pipeline.produce(event("00:01"), event("00:07"))
    with stopped_at(pipeline, point) as run:
        run.kill("group")
    assert pipeline.ask_gate() == Decision(True, "run 1 has not closed its books", 0)
    pipeline.run()
    assert pipeline.ask_gate() == Decision(False, "nothing new", 0)


def test_windows_that_spark_was_not_allowed_to_close_are_work_that_is_left(pipeline: Pipeline) -> None:
    spark = warm_session()
    pipeline.produce(event("00:01"), event("00:07"))
    spark.conf.set(NO_DATA_BATCHES, "false")
    try:
        pipeline.run()
    finally:
        spark.conf.unset(NO_DATA_BATCHES)
    assert pipeline.windows() == {}
    assert pipeline.ask_gate() == Decision(True, "run 1 has left windows that can be closed", 0)
    pipeline.produce(event("00:08"))
    pipeline.run()
    assert len(pipeline.windows()) == 1
    assert not pipeline.ask_gate().must_run


def test_a_run_of_an_earlier_version_is_followed_by_one_that_says_what_it_has_left(pipeline: Pipeline) -> None:
    pipeline.produce(event("00:01"), event("00:07"))
    pipeline.run()
    with pipeline.owner() as owner:
        owner.execute("UPDATE etl.run SET left_work = NULL")
    assert pipeline.ask_gate().must_run
    pipeline.run()
    assert not pipeline.ask_gate().must_run
