"""The last records that were read of a real topic, and whether they are still what they were."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from psycopg.types.json import Jsonb

from local_stack import Stack
from tests.faults.stopped import wait_until
from tests.integration.test_aggregate import event
from tests.integration.test_guard import delete_records, recreate_topic, refusal
from tests.pipeline import Pipeline, make_pipeline
from web_traffic.gate import Decision
from web_traffic.kafka import Topic, describe_topic
from web_traffic.marks import changed_from, last_records
from web_traffic.warehouse.history import LastRecords


@pytest.fixture
def one_partition(stack: Stack, numbers: Iterator[int], tmp_path: Path) -> Pipeline:
    """Return a pipeline whose topic has one partition."""
    return make_pipeline(stack, f"web_traffic_{next(numbers)}", tmp_path / "checkpoint", KAFKA_TOPIC_PARTITIONS="1")


def in_a_transaction(pipeline: Pipeline, value: bytes, is_committed: bool) -> None:
    producer = Producer({"bootstrap.servers": pipeline.settings.kafka_url, "transactional.id": "a test"})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(pipeline.settings.kafka_topic, value)
    producer.flush(30)
    producer.commit_transaction(30) if is_committed else producer.abort_transaction(30)
    wait_until(
        lambda: describe_topic(pipeline.settings).end_offsets == {"0": 3}, "the end of the transaction", within=30
    )


def last(pipeline: Pipeline) -> tuple[Topic, LastRecords]:
    topic = describe_topic(pipeline.settings)
    return topic, last_records(pipeline.settings, topic.first_offsets, topic.end_offsets)


def test_the_last_record_of_each_partition_that_was_read_is_kept(pipeline: Pipeline) -> None:
    pipeline.produce(b"one", b"two", b"three", None)
    topic, kept = last(pipeline)
    assert {partition: record.offset for partition, record in kept.items()} == {
        partition: end - 1 for partition, end in topic.end_offsets.items() if end
    }
    pipeline.produce(*[b"more"] * 10)
    assert changed_from(pipeline.settings, describe_topic(pipeline.settings), kept, []) == {}


def test_records_in_the_middle_of_large_batches_are_found_without_reading_what_follows(pipeline: Pipeline) -> None:
    values = [b"%d" % number * 200 for number in range(10_000)]
    pipeline.produce(*values)
    topic, kept = last(pipeline)
    in_the_middle = {partition: end // 2 for partition, end in topic.end_offsets.items()}
    middle = last_records(pipeline.settings, topic.first_offsets, in_the_middle)
    assert {partition: record.offset + 1 for partition, record in middle.items()} == in_the_middle
    assert changed_from(pipeline.settings, topic, middle, []) == {}
    assert changed_from(pipeline.settings, topic, kept, []) == {}


@pytest.mark.parametrize("is_committed", [True, False])
def test_the_end_of_a_transaction_is_no_record(one_partition: Pipeline, is_committed: bool) -> None:
    one_partition.produce(b"one")
    in_a_transaction(one_partition, b"two", is_committed)
    topic, kept = last(one_partition)
    assert (topic.end_offsets, kept["0"].offset) == ({"0": 3}, 1)
    assert changed_from(one_partition.settings, topic, kept, []) == {}


def test_another_record_at_the_offset_is_a_change_and_older_marks_tell_from_where_on(one_partition: Pipeline) -> None:
    settings = one_partition.settings
    one_partition.produce(b"one", b"two")
    _, older = last(one_partition)
    one_partition.produce(b"three", b"four")
    topic, kept = last(one_partition)
    other_value = {"0": kept["0"]._replace(digest="of another value")}
    other_time = {"0": kept["0"]._replace(timestamp_ms=0)}
    assert changed_from(settings, topic, other_value, [other_time, older]) == {"0": 2}
    assert changed_from(settings, topic, other_time, []) == {"0": 0}


def test_a_record_that_is_missing_or_behind_the_end_is_a_change_unless_it_was_deleted(one_partition: Pipeline) -> None:
    settings = one_partition.settings
    one_partition.produce(b"one")
    in_a_transaction(one_partition, b"two", is_committed=True)
    topic, kept = last(one_partition)
    at_the_end_of_the_transaction = {"0": kept["0"]._replace(offset=2)}
    assert changed_from(settings, topic, at_the_end_of_the_transaction, []) == {"0": 0}
    behind_the_end = {"0": kept["0"]._replace(offset=3)}
    assert changed_from(settings, topic, behind_the_end, [kept]) == {"0": 2}
    assert changed_from(settings, topic, behind_the_end, []) == {"0": 0}
    delete_records(one_partition, before=2)
    assert changed_from(settings, describe_topic(settings), kept, []) == {}


def test_a_log_of_other_records_that_ends_where_the_old_one_did_is_not_nothing_new(one_partition: Pipeline) -> None:
    one_partition.produce(event("00:01"), event("00:07"))
    one_partition.run()
    assert one_partition.ask_gate().reason == "nothing new"
    with one_partition.owner() as connection:
        [(before,)] = connection.execute("SELECT last_records FROM etl.run").fetchall()
        changed = {"0": [*before["0"][:2], "of another value"]}
        connection.execute("UPDATE etl.run SET last_records = %s", [Jsonb(changed)])
    assert one_partition.ask_gate() == Decision(True, "doubt: the topic does not have the records that were read", 2)
    assert "the log was cut and has grown again" in refusal(one_partition)
    with one_partition.owner() as connection:
        connection.execute("UPDATE etl.run SET last_records = %s", [Jsonb(before)])
    recreate_topic(one_partition)
    one_partition.produce(event("00:02"), event("00:08"))
    assert one_partition.ask_gate().must_run
    assert "topic id was" in refusal(one_partition)
