"""Records behind an open transaction: nobody can read them yet, so no offset tells of them but the partition's end."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka import Producer

from tests.faults.stopped import wait_until
from tests.integration.quality.rows import Connection, about, apply
from tests.integration.test_aggregate import event
from tests.pipeline import Pipeline
from web_traffic.kafka import describe_topic
from web_traffic.quality.rules import RULES
from web_traffic.quality.runner import check
from web_traffic.quality.topic import run_scope

NOW = datetime.now(UTC).replace(microsecond=0)


@contextmanager
def open_transaction(pipeline: Pipeline, records: int, at: datetime) -> Iterator[Producer]:
    """Hold records of partition 2 in an open transaction."""
    settings = pipeline.settings
    producer = Producer({"bootstrap.servers": settings.kafka_url, "transactional.id": settings.kafka_topic})
    producer.init_transactions(30)
    producer.begin_transaction()
    for number in range(records):
        timestamp = int((at + timedelta(seconds=number)).timestamp() * 1000)
        producer.produce(settings.kafka_topic, event("00:02"), partition=2, timestamp=timestamp)
    assert producer.flush(30) == 0
    yield producer


def test_records_behind_an_open_transaction_are_a_warning_until_it_ends(pipeline: Pipeline) -> None:
    pipeline.produce(event("00:01"), event("00:07"))
    pipeline.run()
    began_at = NOW - timedelta(minutes=3)
    with open_transaction(pipeline, 1_500, at=began_at) as producer:
        assert describe_topic(pipeline.settings).waiting == {"0": 0, "1": 0, "2": 1_500, "3": 0}
        with pipeline.connect() as connection:
            results = {
                result.rule.name: result
                for result in check(connection, RULES, run_scope(pipeline.settings, connection))
            }
        assert results["lag"].observed == 0
        waiting = results["open_transaction"]
        assert (waiting.status, waiting.observed) == ("warned", 1_500)
        [row] = waiting.sample
        assert datetime.fromisoformat(row["since"]) == began_at
        assert (row["partitions"], row["seconds"] >= 180) == ("2", True)
        assert "1 of 1 offend, 1,500 records measured" in waiting.headline
        producer.abort_transaction(30)
    wait_until(lambda: not any(describe_topic(pipeline.settings).waiting.values()), "nothing waits", within=20)
    with pipeline.connect() as connection:
        scope = run_scope(pipeline.settings, connection)
        assert apply(connection, "open_transaction", scope).status == "passed"


@pytest.mark.parametrize(
    ("age", "status"),
    [
        (timedelta(0), "passed"),
        (timedelta(seconds=50), "passed"),
        (timedelta(seconds=70), "warned"),
        (timedelta(hours=-1), "warned"),
        (None, "warned"),
    ],
    ids=["now", "for 50 seconds", "for 70 seconds", "a clock that is ahead", "no timestamp"],
)
def test_a_transaction_may_be_open_for_a_minute(connection: Connection, age: timedelta | None, status: str) -> None:
    since = None if age is None else (datetime.now(UTC) - age).isoformat()
    result = apply(connection, "open_transaction", about(waiting={"2": {"records": 9, "since": since}}))
    assert (result.status, result.observed) == (status, 9)


def test_a_topic_without_open_transactions_passes(connection: Connection) -> None:
    result = apply(connection, "open_transaction", about(waiting={}))
    assert (result.status, result.observed) == ("passed", 0)


def test_a_topic_that_was_not_asked_has_nothing_to_check(connection: Connection) -> None:
    assert apply(connection, "open_transaction", about()).status == "nothing to check"
