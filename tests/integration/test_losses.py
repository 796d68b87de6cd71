"""Records that Kafka has lost: found before Spark starts, named with what will be missing, accepted on request."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions

from local_stack import Stack
from tests.copies import DatabaseCopy
from tests.integration.test_aggregate import event
from tests.integration.test_guard import delete_records, recreate_topic, refusal
from tests.pipeline import Pipeline, make_pipeline

REBUILD = {"REBUILD_CHECKPOINT": "true"}
ACCEPT = {"ACCEPT_DATA_LOSS": "true"}
BOTH = "run once with rebuild_checkpoint and accept_data_loss: "


@pytest.fixture
def one_partition(stack: Stack, numbers: Iterator[int], tmp_path: Path) -> Pipeline:
    """Return a pipeline whose topic has one partition."""
    name = f"web_traffic_{next(numbers)}"
    return make_pipeline(stack, name, tmp_path / "checkpoint", KAFKA_TOPIC_PARTITIONS="1")


def assert_right_but_for_the_gap(pipeline: Pipeline, windows: int = 1) -> None:
    """Check that the recount names the gap, leaves as many windows out because of it, and finds all others right.

    It does not check windows that end before the first records that Kafka still holds.
    """
    recount = pipeline.recount()
    assert recount.is_right, recount
    assert recount.left_out.count + recount.rows_not_checked == windows, recount
    assert "was told to go on without offsets" in str(recount)


def gaps(pipeline: Pipeline) -> list[object]:
    return [gap for (gap,) in pipeline.query("SELECT gap FROM etl.batch WHERE gap IS NOT NULL ORDER BY run_id")]


def add_partition(pipeline: Pipeline, partitions: int, *values: bytes) -> None:
    """Give the topic that many partitions, and send values to the last one."""
    topic = pipeline.settings.kafka_topic
    admin = AdminClient({"bootstrap.servers": pipeline.settings.kafka_url})
    admin.create_partitions([NewPartitions(topic, partitions)])[topic].result(30)
    producer = Producer({"bootstrap.servers": pipeline.settings.kafka_url, "topic.metadata.refresh.interval.ms": 200})
    for value in values:
        producer.produce(topic, value, partition=partitions - 1, timestamp=int(datetime.now(UTC).timestamp() * 1000))
    assert producer.flush(30) == 0


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_rebuild_whose_records_kafka_has_deleted_is_refused_like_a_run(
    one_partition: Pipeline, is_lost: bool
) -> None:
    pipeline = one_partition
    pipeline.produce(event("00:01"), event("00:06"), event("00:07"))
    pipeline.run()
    pipeline.produce(event("00:08"), event("00:09"), event("00:13"), event("00:14"), event("00:19"), event("00:23"))
    delete_records(pipeline, before=5)
    if is_lost:
        shutil.rmtree(pipeline.checkpoint)
        assert f"there is no checkpoint in {pipeline.settings.checkpoint_location}" in refusal(pipeline)
        assert BOTH in refusal(pipeline)
    else:
        assert "partition 0: offset 3 is next, 5 is the first there" in refusal(pipeline)
    refused = refusal(pipeline, **REBUILD)
    assert "records that a new checkpoint has to read (partition 0: offset 0 is next, 5 is the first there)" in refused
    assert BOTH in refused
    assert "up to 2 hits of open windows will be missing" in refused
    assert pipeline.checkpoint.exists() != is_lost
    rebuilt = pipeline.run(**REBUILD, **ACCEPT)
    assert (rebuilt["read"], rebuilt["gap"]) == (4, {"0": [0, 5]})
    assert gaps(pipeline) == [{"0": [0, 5]}]
    assert sorted(pipeline.windows().values()) == [1, 1, 2]
    assert pipeline.run()["gap"] is None
    assert_right_but_for_the_gap(pipeline)


def test_a_rebuild_does_not_need_records_of_sealed_windows(one_partition: Pipeline) -> None:
    for times in (("00:01", "00:03"), ("00:07", "00:08"), ("00:11", "00:13")):
        one_partition.produce(*map(event, times))
        one_partition.run()
    delete_records(one_partition, before=4)
    rebuilt = one_partition.run(**REBUILD)
    assert (rebuilt["read"], rebuilt["gap"], rebuilt["open_after"]) == (2, None, 2)
    one_partition.produce(event("00:19"))
    one_partition.run()
    assert sorted(one_partition.windows().values()) == [2, 2, 2]


def test_a_new_partition_whose_first_records_are_gone_is_a_gap_like_any_other(one_partition: Pipeline) -> None:
    one_partition.produce(event("00:01"), event("00:07"))
    one_partition.run()
    add_partition(one_partition, 2, *[event("00:08")] * 10)
    delete_records(one_partition, before=6, partition=1)
    assert "partition 1: offset 0 is next, 6 is the first there" in refusal(one_partition)
    accepted = one_partition.run(**ACCEPT)
    assert (accepted["read"], accepted["gap"]) == (4, {"1": [0, 6]})
    one_partition.produce(event("00:13"))
    assert one_partition.run()["gap"] is None
    assert sorted(one_partition.windows().values()) == [1, 5]
    assert_right_but_for_the_gap(one_partition, windows=0)


def test_a_topic_without_open_hits_is_made_anew_without_a_loss(one_partition: Pipeline) -> None:
    one_partition.produce(b"broken")
    one_partition.run()
    recreate_topic(one_partition)
    one_partition.produce(event("00:02"), event("00:08"))
    assert "topic id was" in refusal(one_partition)
    rebuilt = one_partition.run(**REBUILD)
    assert (rebuilt["read"], rebuilt["emitted"], rebuilt["gap"]) == (2, 1, None)


def test_a_topic_that_is_made_anew_is_read_from_its_first_record(one_partition: Pipeline) -> None:
    """Wherever the very first run was told to begin: what is in the new topic has come since."""
    one_partition.environment["STARTING_OFFSETS"] = "latest"
    one_partition.run()
    one_partition.produce(event("00:01"), event("00:07"))
    one_partition.run()
    recreate_topic(one_partition)
    one_partition.produce(event("00:08"), event("00:13"))
    assert one_partition.run(**REBUILD, **ACCEPT)["read"] == 2


def test_a_rebuild_over_an_empty_database_begins_where_the_checkpoint_began(
    stack: Stack, one_partition: Pipeline
) -> None:
    one_partition.environment["STARTING_OFFSETS"] = "latest"
    copy = DatabaseCopy(stack, one_partition)
    one_partition.produce(event("00:01"))
    one_partition.run()
    one_partition.produce(event("00:02"), event("00:07"))
    one_partition.run()
    copy.restore()
    assert "has fed another database, or this one was restored" in refusal(one_partition)
    assert one_partition.run(**REBUILD)["read"] == 2
    assert list(one_partition.windows().values()) == [1]
