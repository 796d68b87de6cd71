"""Events that are small in Kafka and large in memory."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka import Producer

from local_stack.spark import submit_command
from tests.pipeline import MOST_BYTES, Pipeline
from web_traffic.kafka import describe_topic
from web_traffic.polling import FEW_RECORDS, MOST_RECORDS, poll_options
from web_traffic.polling import MOST_BYTES as MOST_BYTES_OF_A_POLL

LARGE = 500_000
START = datetime(2026, 3, 29, tzinfo=UTC)
MANY = FEW_RECORDS + 100


def produce(pipeline: Pipeline, events: int, size: int) -> None:
    """Send valid events of this size in bytes to one partition, which the producer compresses to a few kB each."""
    settings = pipeline.settings
    producer = Producer(
        {"bootstrap.servers": settings.kafka_url, "compression.type": "zstd", "message.max.bytes": MOST_BYTES}
    )
    for number in range(events):
        event_time = START + timedelta(seconds=number / 10)
        event = {"event_time": event_time.isoformat(), "host": "a.example", "user_agent": ""}
        event["user_agent"] = "agent " * ((size - len(json.dumps(event))) // 6)
        producer.produce(settings.kafka_topic, json.dumps(event).encode(), partition=0)
        if number % 50 == 0:
            assert producer.flush(60) == 0
    assert producer.flush(60) == 0


def records_of_a_poll(pipeline: Pipeline) -> int:
    topic = describe_topic(pipeline.settings)
    unread = {partition: range(topic.first_offsets[partition], end) for partition, end in topic.end_offsets.items()}
    return int(poll_options(pipeline.settings, unread)["kafka.max.poll.records"])


def test_a_run_holds_only_some_of_the_large_events_in_memory(pipeline: Pipeline) -> None:
    produce(pipeline, 2 * MANY, LARGE)
    command, *arguments = submit_command()
    summary = replace(pipeline, command=[command, "--driver-memory", "768m", *arguments]).run()
    assert (summary["read"], summary["rejected"], summary["open_after"]) == (2 * MANY, 0, 2 * MANY)


@pytest.mark.parametrize(("events", "size"), [(MANY, 300), (MANY - 200, LARGE)])
def test_ordinary_events_and_few_large_ones_are_taken_as_fast_as_they_come(
    pipeline: Pipeline, events: int, size: int
) -> None:
    produce(pipeline, events, size)
    assert records_of_a_poll(pipeline) == MOST_RECORDS


@pytest.mark.parametrize("large_ones", ["first", "last"])
def test_large_events_behind_or_ahead_of_small_ones_are_seen(pipeline: Pipeline, large_ones: str) -> None:
    counts = [(20, LARGE), (MANY, 300)]
    for events, size in counts if large_ones == "first" else reversed(counts):
        produce(pipeline, events, size)
    assert records_of_a_poll(pipeline) == pytest.approx(MOST_BYTES_OF_A_POLL / LARGE, rel=0.01)
