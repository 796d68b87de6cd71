"""Rejected events, and the command that sends them back, for tests."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import psutil
import pyarrow as pa
import pytest
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from tests.faults.stopped import wait_until
from tests.integration.test_aggregate import event
from tests.pipeline import Pipeline
from web_traffic.commands.redrive import main
from web_traffic.kafka import describe_topic
from web_traffic.warehouse.rejected import RejectedEvents

AT = datetime(2026, 3, 29, tzinfo=UTC)
ALL = ("--since", "2000-01-01")
LIMIT_SECONDS = 120


def reject(pipeline: Pipeline, *values: bytes | None, reason: str = "from the future") -> None:
    """Keep records as a run does that does not count them: one more offset each, in turn over two partitions."""
    [(first,)] = pipeline.query("SELECT count(*) FROM etl.rejected_event")
    offsets = range(first, first + len(values))
    records = pa.record_batch(
        [
            pa.array([offset % 2 for offset in offsets], pa.int32()),
            pa.array(offsets, pa.int64()),
            pa.array([AT] * len(values), pa.timestamp("us", "UTC")),
            pa.array(values, pa.binary()),
        ],
        names=["partition", "offset", "timestamp", "value"],
    )
    with RejectedEvents(pipeline.settings, describe_topic(pipeline.settings).id) as rejected_events:
        rejected_events.add(records, dict.fromkeys(range(len(values)), reason))


def valid_events(count: int) -> list[bytes]:
    return [event("00:01", host=f"{number}.example") for number in range(count)]


def messages(pipeline: Pipeline) -> list[Message]:
    """Return the committed records of the topic."""
    settings = pipeline.settings
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_url,
            "group.id": "test",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    consumer.assign([TopicPartition(settings.kafka_topic, number, 0) for number in range(4)])
    found, open_partitions = [], set(range(4))
    while open_partitions:
        message = consumer.poll(30)
        assert message is not None
        if message.error():
            assert message.error().code() == KafkaError._PARTITION_EOF
            open_partitions.discard(message.partition())
        else:
            found.append(message)
    consumer.close()
    return found


def values(pipeline: Pipeline) -> list[bytes]:
    return sorted(message.value() for message in messages(pipeline))


def redrive(pipeline: Pipeline, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in this process, and return its exit code and output as of one of its own."""
    output, errors = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(output), redirect_stderr(errors):
        for name, value in pipeline.environment.items():
            patch.setenv(name, value)
        try:
            code: Any = main(arguments)
        except SystemExit as ending:
            code = ending.code
    return subprocess.CompletedProcess(["redrive", *arguments], code, output.getvalue(), errors.getvalue())


def states(pipeline: Pipeline) -> list[str]:
    return [state for (state,) in pipeline.query("SELECT state FROM etl.redrive ORDER BY requested_at")]


def assert_all_went_back_once(pipeline: Pipeline, expected: list[bytes]) -> None:
    wait_until(lambda: not any(describe_topic(pipeline.settings).waiting.values()), "no record of a transaction waits")
    assert values(pipeline) == sorted(expected)
    assert pipeline.query("SELECT count(*) FROM etl.rejected_event WHERE redriven_at IS NULL") == [(0,)]
    assert set(states(pipeline)) - {"withdrawn"} == {"done"}


@contextmanager
def stopped(pipeline: Pipeline, point: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start a redrive and wait until it has stopped at the point; at the end it is killed, if it is still there."""
    environment = pipeline.environment | {"FAULT_POINT": f"{point}#1"}
    command = [sys.executable, "-m", "web_traffic", "redrive", *arguments]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def is_stopped() -> bool:
        assert process.poll() is None, process.communicate()
        return psutil.Process(process.pid).status() == psutil.STATUS_STOPPED

    try:
        wait_until(is_stopped, f"a redrive that has stopped at {point!r}")
        yield process
    finally:
        process.kill()
        process.communicate()


def go_on(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    """Let a stopped redrive go on to its end, and return its exit code and what it says on stderr."""
    os.kill(process.pid, signal.SIGCONT)
    _, errors = process.communicate(timeout=LIMIT_SECONDS)
    return process.returncode, errors.splitlines()
