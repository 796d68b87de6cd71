"""A checkpoint that does not fit is refused with the way out, and the way out works."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from tests.faults.stopped import stopped_at
from tests.integration.test_aggregate import event
from tests.pipeline import Pipeline, bound_by_permissions, make_topic, submit
from web_traffic.errors import EXIT_NEEDS_ATTENTION
from web_traffic.guard import examine, fingerprint
from web_traffic.kafka import describe_topic


def delete_records(pipeline: Pipeline, before: int, partition: int = 0) -> None:
    """Have the broker delete the records of a partition before an offset, as its retention would."""
    admin = AdminClient({"bootstrap.servers": pipeline.settings.kafka_url})
    place = TopicPartition(pipeline.settings.kafka_topic, partition, before)
    [deleted] = admin.delete_records([place]).values()
    assert deleted.result(30).low_watermark == before


def recreate_topic(pipeline: Pipeline) -> None:
    admin = AdminClient({"bootstrap.servers": pipeline.settings.kafka_url})
    admin.delete_topics([pipeline.settings.kafka_topic])[pipeline.settings.kafka_topic].result(30)
    while pipeline.settings.kafka_topic in admin.list_topics(timeout=10).topics:
        pass
    make_topic(pipeline.settings)


def refusal(pipeline: Pipeline, **environment: str) -> str:
    result = pipeline.submit(**environment)
    assert result.returncode == EXIT_NEEDS_ATTENTION, result.stdout + result.stderr
    return result.stdout


def lose_folder(checkpoint: Path) -> None:
    shutil.rmtree(checkpoint)


def lose_metadata(checkpoint: Path) -> None:
    (checkpoint / "metadata").unlink()


def truncate_offsets(checkpoint: Path) -> None:
    (checkpoint / "offsets" / "1").write_text("v1\n{")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lose_folder, "there is no checkpoint in"),
        (lose_metadata, "the checkpoint is damaged: "),
        (truncate_offsets, "the checkpoint is damaged: "),
    ],
)
def test_a_damaged_checkpoint_is_refused_and_rebuilt_without_losing_or_doubling_a_window(
    pipeline: Pipeline, damage: Callable[[Path], None], message: str
) -> None:
    pipeline.produce(event("00:01"), event("00:07"), event("00:07:30"))
    pipeline.run()
    damage(pipeline.checkpoint)
    refused = refusal(pipeline)
    assert message in refused
    assert "run once with rebuild_checkpoint" in refused
    pipeline.produce(event("00:08"), event("00:13"))
    rebuilt = pipeline.run(REBUILD_CHECKPOINT="true")
    assert (rebuilt["superseded"], rebuilt["emitted"], rebuilt["open_after"]) == (1, 3, 1)
    assert sorted(pipeline.windows().values()) == [1, 3]
    recount = pipeline.recount()
    assert recount.is_right, recount


def test_an_examination_changes_nothing_even_if_the_checkpoint_is_to_be_rebuilt(pipeline: Pipeline) -> None:
    pipeline.checkpoint.mkdir(parents=True)
    (pipeline.checkpoint / "metadata").write_text("not of Spark")
    settings = replace(pipeline.settings, rebuild_checkpoint=True)
    topic = describe_topic(settings)
    with pipeline.connect() as connection:
        examine(settings, connection, topic, fingerprint(settings, topic, "1 minute", "4.0.0"))
    assert [file.name for file in pipeline.checkpoint.iterdir()] == ["metadata"]
    assert list(pipeline.checkpoint.parent.glob("*.replaced-*")) == []


@pytest.mark.parametrize(("point", "set_aside"), [("examined", 0), ("before offsets", 1)])
def test_a_rebuild_that_is_killed_before_or_after_it_sets_the_checkpoint_aside_is_repeated_and_loses_nothing(
    pipeline: Pipeline, point: str, set_aside: int
) -> None:
    pipeline.produce(event("00:01"), event("00:07"))
    pipeline.run()
    with stopped_at(pipeline, point, REBUILD_CHECKPOINT="true") as run:
        run.kill("group")
    assert len(list(pipeline.checkpoint.parent.glob(f"{pipeline.checkpoint.name}.replaced-*"))) == set_aside
    assert pipeline.checkpoint.exists() == (not set_aside)
    pipeline.produce(event("00:08"), event("00:13"))
    pipeline.run(REBUILD_CHECKPOINT="true")
    assert sorted(pipeline.windows().values()) == [1, 2]
    recount = pipeline.recount()
    assert recount.is_right, recount


def test_a_rebuilt_checkpoint_counts_an_open_window_from_its_earliest_event(pipeline: Pipeline) -> None:
    """That event is as far ahead of its Kafka timestamp as the clock skew allows."""
    midnight = datetime(2026, 3, 29, tzinfo=UTC)
    pipeline.produce(event("00:05"), at=midnight)
    pipeline.produce(event("00:01"), event("00:07"), at=midnight + timedelta(minutes=7))
    pipeline.run()
    assert pipeline.run(REBUILD_CHECKPOINT="true")["open_after"] == 2
    pipeline.produce(event("00:13"))
    pipeline.run()
    assert sorted(pipeline.windows().values()) == [1, 2]


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"SHUFFLE_PARTITIONS": "3"}, "state partitions was 2, now 3"),
        ({"KAFKA_TOPIC": "web_traffic_other"}, "topic was web_traffic_"),
    ],
)
def test_settings_that_a_checkpoint_fixes_are_refused_by_name(
    pipeline: Pipeline, environment: dict[str, str], message: str
) -> None:
    other = Pipeline(pipeline.environment | environment, pipeline.owner_password)
    if other.settings.kafka_topic != pipeline.settings.kafka_topic:
        make_topic(other.settings)
    pipeline.produce(event("00:01"))
    pipeline.run()
    assert message in refusal(other)


def test_a_topic_that_was_made_anew_is_told_by_its_id_and_counted_after_a_rebuild(pipeline: Pipeline) -> None:
    pipeline.produce(event("00:01"), event("00:07"))
    pipeline.run()
    recreate_topic(pipeline)
    pipeline.produce(event("00:02"), event("00:08"), event("00:13"))
    refused = refusal(pipeline)
    assert "topic id was" in refused
    assert "run once with rebuild_checkpoint and accept_data_loss: " in refused
    assert "up to 1 hits of open windows will be missing" in refused
    assert "the topic was made anew" in refusal(pipeline, REBUILD_CHECKPOINT="true")
    [(old_topic,)] = pipeline.query("SELECT fingerprint ->> 'topic id' FROM etl.checkpoint")
    rebuilt = pipeline.run(REBUILD_CHECKPOINT="true", ACCEPT_DATA_LOSS="true")
    assert (rebuilt["superseded"], rebuilt["emitted"]) == (1, 1)
    assert [partition.rpartition("/")[0] for partition in rebuilt["gap"]] == [old_topic] * len(rebuilt["gap"])
    assert sum(end - first for first, end in rebuilt["gap"].values()) == 2
    recount = pipeline.recount()
    assert (recount.is_right, recount.left_out.count) == (True, 1), recount


def test_a_checkpoint_of_another_database_is_refused(pipeline: Pipeline) -> None:
    pipeline.produce(event("00:01"))
    pipeline.run()
    with pipeline.owner() as connection:
        connection.execute("DELETE FROM etl.checkpoint")
    assert "has fed another database" in refusal(pipeline)


def test_a_checkpoint_that_is_older_than_the_ledger_is_refused(pipeline: Pipeline, tmp_path: Path) -> None:
    pipeline.produce(event("00:01"))
    pipeline.run()
    shutil.copytree(pipeline.checkpoint, tmp_path / "copy")
    pipeline.produce(event("00:07"))
    pipeline.run()
    shutil.rmtree(pipeline.checkpoint)
    shutil.copytree(tmp_path / "copy", pipeline.checkpoint)
    pipeline.produce(event("00:08"), event("00:13"))
    assert "the checkpoint is older than the database" in refusal(pipeline)
    pipeline.run(REBUILD_CHECKPOINT="true")
    assert sorted(pipeline.windows().values()) == [1, 2]


def test_lost_records_are_refused_with_their_offsets_and_accepted_for_one_run(pipeline: Pipeline) -> None:
    one_partition = Pipeline(
        pipeline.environment | {"KAFKA_TOPIC": "one_partition", "KAFKA_TOPIC_PARTITIONS": "1"}, pipeline.owner_password
    )
    make_topic(one_partition.settings)
    one_partition.produce(event("00:01"))
    one_partition.run()
    one_partition.produce(event("00:02"), event("00:03"), event("00:07"))
    delete_records(one_partition, before=3)
    assert "partition 0: offset 1 is next, 3 is the first there" in refusal(one_partition)
    summary = one_partition.run(ACCEPT_DATA_LOSS="true")
    assert (summary["read"], summary["emitted"], summary["gap"]) == (1, 1, {"0": [1, 3]})
    assert one_partition.query("SELECT gap FROM etl.batch WHERE gap IS NOT NULL") == [({"0": [1, 3]},)]
    one_partition.produce(event("00:13"))
    assert one_partition.run()["gap"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("DROP INDEX aggregated_web_traffic_key", "index aggregated_web_traffic_key is missing, was unique"),
        (
            "ALTER TABLE aggregated_web_traffic ALTER num_hits TYPE integer",
            "column num_hits is integer NOT NULL, was bigint NOT NULL",
        ),
        (
            "ALTER TABLE aggregated_web_traffic RENAME referrer TO referer; "
            "ALTER TABLE aggregated_web_traffic ADD note text NOT NULL",
            "column note is text NOT NULL, was not there; column referrer is missing, was text",
        ),
        ("ALTER TABLE aggregated_web_traffic RENAME TO hits", "column host is missing, was text NOT NULL; "),
    ],
)
def test_an_altered_result_table_is_refused(pipeline: Pipeline, change: str, message: str) -> None:
    with pipeline.owner() as owner:
        owner.execute(change)
    assert f"the table aggregated_web_traffic was altered ({message}" in refusal(pipeline)


def test_columns_and_indexes_of_a_persons_own_do_no_harm(pipeline: Pipeline) -> None:
    with pipeline.owner() as owner:
        owner.execute(
            "ALTER TABLE aggregated_web_traffic ADD note text, ADD seen_at timestamptz NOT NULL DEFAULT now(); "
            "CREATE INDEX ON aggregated_web_traffic (host)"
        )
    pipeline.produce(event("00:01"), event("00:07"))
    pipeline.run()
    assert list(pipeline.windows().values()) == [1]


def test_a_checkpoint_that_may_not_be_written_is_refused(pipeline: Pipeline) -> None:
    pipeline.checkpoint.mkdir(mode=0o500)
    pipeline.command = [*bound_by_permissions(), *submit()]
    assert f"may not write to file:{pipeline.checkpoint}: give this user" in refusal(pipeline)


@pytest.mark.parametrize("name", ["a space", "50%", "a#b"])
def test_a_checkpoint_whose_state_spark_could_not_read_is_refused_before_it_is_made(
    pipeline: Pipeline, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    pipeline.produce(event("00:01"))
    refused = refusal(pipeline, CHECKPOINT_LOCATION=str(folder))
    assert "Spark can't read the state of a checkpoint with" in refused
    assert not folder.exists()
