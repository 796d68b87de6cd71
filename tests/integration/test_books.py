"""Books that close also when a run was killed before it came to them."""

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions

from local_stack.environment import REPO
from tests.faults.stopped import stopped_at
from tests.integration.test_aggregate import books, event
from tests.pipeline import Pipeline, submit


@pytest.mark.parametrize(("point", "late"), [("batch committed", 0), ("stream ended", 1)])
def test_the_next_run_accounts_for_the_batches_of_a_run_that_was_killed(
    pipeline: Pipeline, point: str, late: int
) -> None:
    """The window of 00:02 is closed by the batch after the one that was killed, so only a run that came there has."""
    pipeline.produce(event("00:01"), event("00:07"), b"broken")
    with stopped_at(pipeline, point) as run:
        run.kill("group")
    pipeline.produce(event("00:02"), event("00:13"))
    assert books(pipeline.run()) == (5, 1, 0, late, 3 - late, 1)
    assert pipeline.query("SELECT count(*) FROM etl.batch WHERE read IS NULL") == [(0,)]
    assert [status for (status,) in pipeline.query("SELECT status FROM etl.run ORDER BY run_id")] == [
        "failed",
        "succeeded",
    ]
    recount = pipeline.recount()
    assert recount.is_right, recount


def test_a_killed_runs_batch_is_counted_again_though_the_topic_has_new_partitions(pipeline: Pipeline) -> None:
    pipeline.produce(event("00:01"), event("00:07"), b"broken")
    with stopped_at(pipeline, "stream ended") as run:
        run.kill("group")
    topic = pipeline.settings.kafka_topic
    admin = AdminClient({"bootstrap.servers": pipeline.settings.kafka_url})
    admin.create_partitions([NewPartitions(topic, 7)])[topic].result(30)
    assert books(pipeline.run()) == (3, 1, 0, 0, 1, 1)
    assert pipeline.recount().is_right


def test_records_are_counted_again_when_spark_has_counted_some_twice(pipeline: Pipeline) -> None:
    pipeline.produce(event("00:01"), event("00:07"), b"broken")
    pipeline.command = submit(REPO / "tests" / "faults" / "broken_sink.py")
    assert books(pipeline.run(BROKEN="count a stage twice")) == (3, 1, 0, 0, 1, 1)
    assert pipeline.query("SELECT sum(read), sum(rejected) FROM etl.batch") == [(3, 1)]
