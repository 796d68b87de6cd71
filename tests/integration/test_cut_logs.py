"""Logs that lose their newest records, as when a broker's disk goes back to an earlier state."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local_stack import Stack
from tests.faults.brokers import Cluster, running_brokers, wait_for_leaders
from tests.faults.log import cut_tail
from tests.faults.stopped import stopped_at
from tests.integration.test_aggregate import event
from tests.integration.test_guard import refusal
from tests.integration.test_losses import ACCEPT, BOTH, REBUILD, assert_right_but_for_the_gap
from tests.pipeline import Pipeline, make_pipeline
from tests.restating import restate, try_to_restate
from web_traffic.errors import EXIT_NEEDS_ATTENTION

SOON = datetime(2026, 3, 29, 0, 21, tzinfo=UTC)


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
    wait_for_leaders(pipeline.settings)


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
            f"(partition 0 was read up to offset 6, but ends at {3 + new_events})"
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
    assert "partition 0 was read up to offset 3, but ends at 2" in refusal(pipeline)
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
