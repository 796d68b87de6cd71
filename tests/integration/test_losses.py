"""Records that Kafka has lost: found before Spark starts, named with what will be missing, accepted on request."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions

from local_stack import Stack
from tests.copies import DatabaseCopy
from tests.faults.brokers import Cluster, running_brokers
from tests.faults.log import cut_tail
from tests.faults.stopped import stopped_at, wait_until
from tests.integration.test_aggregate import event
from tests.integration.test_guard import delete_records, recreate_topic, refusal
from tests.pipeline import Pipeline, make_pipeline
from tests.restating import restate, try_to_restate
from web_traffic.errors import EXIT_NEEDS_ATTENTION
from web_traffic.kafka import end_offsets
from web_traffic.kafka_client import KafkaUnavailable

REBUILD = {"REBUILD_CHECKPOINT": "true"}
ACCEPT = {"ACCEPT_DATA_LOSS": "true"}
SOON = datetime(2026, 3, 29, 0, 21, tzinfo=UTC)
BOTH = "run once with rebuild_checkpoint and accept_data_loss: "


@pytest.fixture
def one_partition(stack: Stack, numbers: Iterator[int], tmp_path: Path) -> Pipeline:
    """Return a pipeline whose topic has one partition."""
    name = f"web_traffic_{next(numbers)}"
    return make_pipeline(stack, name, tmp_path / "checkpoint", KAFKA_TOPIC_PARTITIONS="1")


def assert_right_but_for_the_gap(pipeline: Pipeline, windows: int = 1) -> None:
    """Check that the recount names the gap, leaves out as many windows because of it, and finds all others right."""
    recount = pipeline.recount()
    assert recount.is_right, recount
    assert recount.left_out.count == windows, recount
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
        assert f"there is no checkpoint in {pipeline.checkpoint}" in refusal(pipeline)
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


def has_leader(pipeline: Pipeline) -> bool:
    try:
        return bool(end_offsets(pipeline.settings))
    except KafkaUnavailable:
        return False


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_brokers(tmp_path_factory.mktemp("brokers"), 1) as cluster:
        yield cluster


@pytest.fixture
def on_its_own_broker(stack: Stack, cluster: Cluster, numbers: Iterator[int], tmp_path: Path) -> Pipeline:
    """Return a pipeline whose topic has one partition, on a broker whose disk can go back in time."""
    environment = {"KAFKA_URL": cluster.url, "KAFKA_TOPIC_PARTITIONS": "1"}
    return make_pipeline(stack, f"web_traffic_{next(numbers)}", tmp_path / "checkpoint", **environment)


@contextmanager
def disk_goes_back(cluster: Cluster, pipeline: Pipeline) -> Iterator[Path]:
    """Stop the broker while its disk is put back to an earlier state; yields the folder of the one partition."""
    cluster.kill(0)
    yield cluster.brokers[0].folder / "data" / f"{pipeline.settings.kafka_topic}-0"
    cluster.start(0)
    wait_until(lambda: has_leader(pipeline), "a leader", within=60)


@pytest.mark.parametrize("new_events", [0, 1, 4])
def test_a_log_that_was_restored_from_a_copy_is_refused_and_what_was_counted_from_it_stays(
    on_its_own_broker: Pipeline, cluster: Cluster, new_events: int
) -> None:
    pipeline = on_its_own_broker
    pipeline.produce(event("00:01"), event("00:02"), event("00:06"), at=SOON)
    pipeline.run()
    with disk_goes_back(cluster, pipeline) as partition:
        shutil.copytree(partition, f"{partition}.copy")
        shutil.move(f"{partition}.copy", cluster.brokers[0].folder)
    pipeline.produce(event("00:07"), b"broken", event("00:13"), at=SOON)
    pipeline.run()
    with disk_goes_back(cluster, pipeline) as partition:
        shutil.rmtree(partition)
        shutil.move(cluster.brokers[0].folder / f"{partition.name}.copy", partition)
    pipeline.produce(*[event("00:14")] * new_events, at=SOON)
    if new_events > 3:
        wrong = (
            "the log was cut and has grown again: events at re-used offsets were never read (partition 0: offsets 3"
        )
    else:
        wrong = (
            "Kafka has lost the newest records that were read "
            f"(partition 0 was read up to offset 6, it ends at {3 + new_events})"
        )
    refused = refusal(pipeline)
    assert wrong in refused
    assert BOTH in refused
    assert "up to 1 hits of open windows will be missing" in refused
    assert wrong in refusal(pipeline, **ACCEPT)
    assert wrong in refusal(pipeline, **REBUILD)
    rebuilt = pipeline.run(**REBUILD, **ACCEPT)
    assert rebuilt["gap"] == {"0": [3, 6]}
    pipeline.produce(event("00:17"), event("00:21"), at=SOON)
    assert pipeline.run()["gap"] is None
    hits = {f"{start:%H:%M}": hits for (start, _, _), hits in pipeline.windows().items()}
    expected = {"00:00": 2, "00:05": 2, "00:15": 1} | ({"00:10": new_events} if new_events else {})
    assert hits == expected
    assert_right_but_for_the_gap(pipeline)
    # A restatement takes nothing away that was counted from what is lost, and finds what has come since.
    refused = try_to_restate(pipeline, "00:05", "00:10")
    assert (refused.returncode, "partition 0, offsets 3 to 6" in refused.stdout) == (EXIT_NEEDS_ATTENTION, True)
    pipeline.produce(event("00:16", "late.example"), at=SOON)
    assert pipeline.run()["late"] == 1
    assert restate(pipeline, "00:10", "00:20")["windows_changed"] == 1
    assert_right_but_for_the_gap(pipeline)


def killed_and_cut(pipeline: Pipeline, cluster: Cluster, point: str) -> None:
    """Kill a run at a point, and have Kafka lose the one record that it was about."""
    pipeline.produce(event("00:01"), event("00:07"), at=SOON)
    pipeline.run()
    pipeline.produce(event("00:08"), at=SOON)
    with stopped_at(pipeline, point) as run:
        run.kill("group")
    with disk_goes_back(cluster, pipeline) as partition:
        cut_tail(partition, batches=1)


def test_what_a_killed_run_has_planned_and_kafka_has_lost_is_a_gap(
    on_its_own_broker: Pipeline, cluster: Cluster
) -> None:
    pipeline = on_its_own_broker
    killed_and_cut(pipeline, cluster, "offsets logged")
    assert "partition 0 was read up to offset 3, it ends at 2" in refusal(pipeline)
    assert BOTH in refusal(pipeline)
    assert pipeline.run(**REBUILD, **ACCEPT)["gap"] == {"0": [2, 3]}


def test_a_log_that_was_cut_after_a_killed_run_is_recognised_by_what_its_batch_had_read(
    on_its_own_broker: Pipeline, cluster: Cluster
) -> None:
    pipeline = on_its_own_broker
    killed_and_cut(pipeline, cluster, "stream ended")
    pipeline.produce(event("00:09"), at=SOON)
    assert (
        "the log was cut and has grown again: events at re-used offsets were never read (partition 0: offsets 2"
        in (refusal(pipeline))
    )
    assert pipeline.run(**REBUILD, **ACCEPT)["gap"] == {"0": [2, 3]}
