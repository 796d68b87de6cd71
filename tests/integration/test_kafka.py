"""Kafka's side: the topic is made once, offsets are those of committed records, and an absent broker is named."""

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from threading import Barrier

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from local_stack import Stack
from local_stack.environment import LOOPBACK
from tests.faults.stopped import wait_until
from tests.integration.test_aggregate import books, event
from tests.pipeline import Pipeline, make_topic
from web_traffic import kafka
from web_traffic.errors import KafkaUnavailable, TopicMissing
from web_traffic.gate import Decision
from web_traffic.kafka import end_offsets, ensure_topic
from web_traffic.settings import Settings


@pytest.fixture
def settings(stack: Stack, numbers: Iterator[int]) -> Settings:
    """Return the settings of a topic of one partition that does not exist yet."""
    return Settings.from_environment(
        {
            "KAFKA_URL": stack.kafka_url,
            "KAFKA_TOPIC": f"kafka_test_{next(numbers)}",
            "KAFKA_TOPIC_PARTITIONS": "1",
        }
    )


def topics(settings: Settings) -> dict[str, int]:
    """Return the broker's topics and their numbers of partitions."""
    listed = AdminClient({"bootstrap.servers": settings.kafka_url}).list_topics(timeout=20).topics
    return {name: len(topic.partitions) for name, topic in listed.items()}


@contextmanager
def transactions(settings: Settings) -> Iterator[Producer]:
    """Open a transactional producer that sends what is produced at once."""
    producer = Producer({"bootstrap.servers": settings.kafka_url, "transactional.id": settings.kafka_topic})
    producer.init_transactions(30)
    yield producer


def send(producer: Producer, settings: Settings, *values: bytes) -> None:
    """Begin a transaction, and wait until the broker has its records, on partition 0."""
    producer.begin_transaction()
    for value in values:
        producer.produce(settings.kafka_topic, value, partition=0)
    assert producer.flush(30) == 0


def wait_for_end(settings: Settings, offset: int) -> None:
    """Wait until the broker has marked the end of all transactions; each mark takes an offset too."""
    wait_until(lambda: end_offsets(settings)["0"] == offset, f"end offset {offset} of partition 0", within=20)


def test_a_topic_is_made_once_with_its_partitions(settings: Settings) -> None:
    three = replace(settings, kafka_topic_partitions=3)
    assert [ensure_topic(three), ensure_topic(three), ensure_topic(settings)] == [True, False, False]
    assert topics(settings)[settings.kafka_topic] == 3
    assert end_offsets(settings) == {"0": 0, "1": 0, "2": 0}


def test_two_that_find_no_topic_at_the_same_time_make_one_and_both_go_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_have_looked = Barrier(2, timeout=20)
    look = kafka._exists

    def look_and_wait(admin: AdminClient, settings: Settings) -> bool:
        exists = look(admin, settings)
        both_have_looked.wait()
        return exists

    monkeypatch.setattr(kafka, "_exists", look_and_wait)
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(ensure_topic, [settings] * 2))
    assert sorted(made) == [False, True]
    assert topics(settings)[settings.kafka_topic] == 1


def test_a_missing_topic_is_named_and_not_made_by_the_question(settings: Settings) -> None:
    with pytest.raises(TopicMissing) as missing:
        end_offsets(settings)
    assert str(missing.value) == f"topic {settings.kafka_topic} does not exist at {settings.kafka_url}"
    assert settings.kafka_topic not in topics(settings)


def test_records_of_a_transaction_count_from_its_end_on(settings: Settings) -> None:
    make_topic(settings)
    with transactions(settings) as producer:
        send(producer, settings, b"1", b"2")
        assert end_offsets(settings) == {"0": 0}
        producer.commit_transaction(30)
        wait_for_end(settings, 3)
        send(producer, settings, b"3", b"4")
        assert end_offsets(settings) == {"0": 3}
        producer.abort_transaction(30)
        wait_for_end(settings, 6)


@pytest.mark.parametrize("ask", [ensure_topic, end_offsets])
@pytest.mark.parametrize("is_silent", [False, True], ids=["nobody listens", "nobody answers"])
def test_an_absent_broker_is_named_within_the_limit(
    settings: Settings, ask: Callable[[Settings], object], is_silent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "TIMEOUT_SECONDS", 1)
    with socket.socket() as port:
        port.bind((LOOPBACK, 0))
        if is_silent:
            port.listen()
        address = f"{LOOPBACK}:{port.getsockname()[1]}"
        begin = time.monotonic()
        with pytest.raises(KafkaUnavailable) as unavailable:
            ask(replace(settings, kafka_url=address))
        assert time.monotonic() - begin < 3
    assert str(unavailable.value) == f"no Kafka broker answers at {address}: is it up?"


def test_events_of_aborted_transactions_are_not_counted_and_do_not_move_the_watermark(pipeline: Pipeline) -> None:
    with transactions(pipeline.settings) as producer:
        for values, end in [
            ([event("00:01")], producer.commit_transaction),
            ([event("00:02"), b"broken"], producer.abort_transaction),
            ([event("00:03"), event("00:07")], producer.commit_transaction),
            ([event("00:30")], producer.abort_transaction),
        ]:
            send(producer, pipeline.settings, *values)
            end(30)
    wait_for_end(pipeline.settings, 6 + 4)
    summary = pipeline.run()
    assert books(summary) == (3, 0, 0, 0, 2, 1)
    assert list(pipeline.windows().values()) == [2]
    assert pipeline.query("SELECT * FROM etl.rejected_event") == []
    recount = pipeline.recount()
    assert recount.is_right, recount
    assert pipeline.ask_gate() == Decision(False, "nothing new", 0)
