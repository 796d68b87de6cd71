"""Faults of Kafka."""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions

from local_stack import Stack
from tests.faults.brokers import Cluster, running_brokers
from tests.faults.cell import Cell
from tests.faults.cells.kills import kill
from tests.faults.stopped import stopped_at, wait_until
from tests.faults.trial import EVENTS, Trial
from tests.pipeline import make_topic
from web_traffic.errors import EXIT_NEEDS_ATTENTION, TopicMissing
from web_traffic.kafka import describe_topic


def kafka_is_down_at_start(trial: Trial) -> None:
    """Start a run while the broker is down."""
    down_and_up_again(trial, lambda: trial.pipeline.submit().returncode)


def kafka_dies_in_the_middle(trial: Trial) -> None:
    """Kill the broker after the offsets are planned and before they are read."""
    with stopped_at(trial.pipeline, "offsets logged") as run:

        def end_the_run() -> int:
            run.go_on()
            return run.wait()[0]

        down_and_up_again(trial, end_the_run)


def down_and_up_again(trial: Trial, run: Callable[[], int]) -> None:
    """Have a run end while the broker is down."""
    [broker] = [p for p in psutil.process_iter(["cmdline"]) if _is_broker_of(trial, p)]
    broker.send_signal(signal.SIGSTOP)
    try:
        trial.was_seen = run() != 0
    finally:
        broker.send_signal(signal.SIGCONT)


def partitions_are_added(when: str, trial: Trial) -> None:
    """Add partitions to the topic: before a run, during one, or between a failed run and its retry."""
    if when == "after a kill":
        kill("offsets logged", trial)
    if when == "during":
        with stopped_at(trial.pipeline, "offsets logged") as run:
            _add_partitions(trial)
            trial.produce(10_000, hour=2)
            run.go_on()
            assert run.wait()[0] == 0
    else:
        _add_partitions(trial)
        trial.produce(10_000, hour=2)


def transactions_are_aborted(trial: Trial) -> None:
    """Abort a producer's transaction of a thousand events, and commit another one."""
    settings = trial.pipeline.settings
    producer = Producer({"bootstrap.servers": settings.kafka_url, "transactional.id": settings.kafka_topic})
    producer.init_transactions(30)
    for end in (producer.abort_transaction, producer.commit_transaction):
        producer.begin_transaction()
        for number in range(1000):
            producer.produce(settings.kafka_topic, f'{{"host": "{number}", "event_time": "2026-03-29T01:30:00Z"}}')
        producer.flush(30)
        end(30)


def retention_passes(trial: Trial) -> None:
    """Have the broker delete records that were not read yet, and a person accept it."""
    trial.pipeline.run()
    trial.produce(trial.events // 2, hour=2)
    records = trial.remember()
    settings = trial.pipeline.settings
    [(committed,)] = trial.pipeline.query(
        "SELECT end_offsets FROM etl.batch ORDER BY run_id DESC, batch_id DESC LIMIT 1"
    )
    topic = describe_topic(settings)
    first = {
        int(number): trial.random.randrange(offset, topic.end_offsets[number] + 1)
        for number, offset in committed.items()
    }
    places = [TopicPartition(settings.kafka_topic, number, offset) for number, offset in first.items()]
    admin = _admin(trial)  # its answers end with it
    for deleted in admin.delete_records(places).values():
        deleted.result(30)
    trial.memory[topic.id] = [
        record for record in records if not committed[str(record.partition)] <= record.offset < first[record.partition]
    ]
    trial.was_seen = trial.pipeline.submit().returncode == EXIT_NEEDS_ATTENTION
    trial.flags = {"ACCEPT_DATA_LOSS": "true"}


def topic_is_made_anew(events: int, trial: Trial) -> None:
    """Delete the topic, make it again with so many events, and have a person rebuild the checkpoint."""
    trial.pipeline.run()
    trial.remember()
    settings = trial.pipeline.settings
    admin = _admin(trial)
    admin.delete_topics([settings.kafka_topic])[settings.kafka_topic].result(30)
    wait_until(lambda: _is_missing(trial), "a topic that is gone", within=60)
    make_topic(settings)
    wait_until(lambda: not _is_missing(trial), "a topic that is there again", within=60)
    trial.produce(events, hour=2)
    trial.remember()
    trial.was_seen = trial.pipeline.submit().returncode == EXIT_NEEDS_ATTENTION
    trial.flags = {"REBUILD_CHECKPOINT": "true", "ACCEPT_DATA_LOSS": "true"}


@contextmanager
def three_brokers(stack: Stack, folder: Path) -> Iterator[tuple[Cluster, Mapping[str, str]]]:
    """Run a cluster that holds three copies of each partition."""
    with running_brokers(folder / "brokers", 3) as cluster:
        yield cluster, {"KAFKA_URL": cluster.url}


def one_of_three_dies(trial: Trial) -> None:
    """Kill one broker of three in the middle of a run."""
    index = trial.random.randrange(3)
    with stopped_at(trial.pipeline, trial.random.choice(["before offsets", "offsets logged"])) as run:
        trial.tool.kill(index)
        run.go_on()
        trial.was_seen = run.wait()[0] != 0
    trial.tool.start(index)


def _add_partitions(trial: Trial) -> None:
    topic = trial.pipeline.settings.kafka_topic
    admin = _admin(trial)
    admin.create_partitions([NewPartitions(topic, 7)])[topic].result(30)


def _is_missing(trial: Trial) -> bool:
    try:
        describe_topic(trial.pipeline.settings)
    except TopicMissing:
        return True
    return False


def _admin(trial: Trial) -> AdminClient:
    return AdminClient({"bootstrap.servers": trial.pipeline.settings.kafka_url})


def _is_broker_of(trial: Trial, process: psutil.Process) -> bool:
    command = process.info["cmdline"] or []
    return "kafka.Kafka" in command and str(trial.stack.home) in " ".join(command)


CELLS = (
    Cell("B1", "broker hangs at the start", kafka_is_down_at_start),
    Cell("B2", "broker hangs between planning and reading", kafka_dies_in_the_middle),
    Cell("B3", "partitions added before a run", partial(partitions_are_added, "before")),
    Cell("B4", "partitions added during a run", partial(partitions_are_added, "during")),
    Cell("B5", "partitions added between a failure and its retry", partial(partitions_are_added, "after a kill")),
    Cell("B6", "aborted transactions in the topic", transactions_are_aborted),
    Cell("B7", "retention has passed the saved offsets", retention_passes),
    Cell("B8", "topic made anew, shorter", partial(topic_is_made_anew, EVENTS // 10)),
    Cell("B9", "topic made anew, longer", partial(topic_is_made_anew, 2 * EVENTS)),
    Cell("B10", "one of three brokers killed in a run", one_of_three_dies, around=three_brokers),
)
