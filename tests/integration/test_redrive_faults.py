"""A rejected event goes back once, whatever is killed or away meanwhile."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from local_stack import Stack, up
from local_stack.supervisor import Supervisor
from tests.faults.stopped import wait_until
from tests.homes import own_stack
from tests.pipeline import Pipeline, make_pipeline, make_topic
from tests.redriving import (
    ALL,
    assert_all_went_back_once,
    go_on,
    redrive,
    reject,
    states,
    stopped,
    valid_events,
    values,
)
from web_traffic.errors import EXIT_NEEDS_ATTENTION
from web_traffic.kafka import describe_topic


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Return a stack that the tests may break."""
    with own_stack("redrive", "postgres", "kafka") as stack:
        yield stack


@contextmanager
def program_away(stack: Stack, name: str) -> Iterator[None]:
    """Stop a program of the stack, and start it again at the end."""
    supervisor = Supervisor(stack)
    supervisor.stop_program(name)
    wait_until(lambda: supervisor.state(name).state == "STOPPED", f"{name} is stopped")
    try:
        yield
    finally:
        up(stack, name)


@pytest.mark.parametrize(
    "points",
    [
        ("redrive marked",),
        ("redrive sent",),
        ("redrive committed",),
        ("redrive marked", "redrive marked"),
        ("redrive marked", "redrive sent"),
        ("redrive sent", "redrive sent"),
        ("redrive sent", "redrive committed"),
    ],
    ids=", then ".join,
)
def test_a_redrive_that_is_killed_is_brought_to_its_end_by_the_next_one(
    pipeline: Pipeline, points: tuple[str, ...]
) -> None:
    reject(pipeline, *valid_events(20))
    for point in points:
        with stopped(pipeline, point, *ALL) as process:
            process.kill()
    finished = redrive(pipeline, *ALL)
    assert finished.returncode == 0, finished.stderr
    assert_all_went_back_once(pipeline, valid_events(20))


def test_a_redrive_does_not_start_while_another_one_is_at_work(pipeline: Pipeline) -> None:
    reject(pipeline, *valid_events(5))
    with stopped(pipeline, "redrive marked", *ALL) as process:
        second = redrive(pipeline, *ALL)
        assert second.returncode == 1
        assert second.stderr.startswith(
            "redrive: another redrive is in progress after a wait of 0:00:01: web_traffic "
        )
        assert go_on(process)[0] == 0
    assert_all_went_back_once(pipeline, valid_events(5))


@pytest.mark.parametrize("point", ["redrive marked", "redrive sent", "redrive committed"])
def test_a_redrive_that_has_lost_its_turn_but_lives_on_sends_nothing_more(
    stack: Stack, pipeline: Pipeline, point: str
) -> None:
    reject(pipeline, *valid_events(5))
    with stopped(pipeline, point, *ALL) as process:
        end_sessions(stack, pipeline)
        assert redrive(pipeline, *ALL).returncode == 0
        code, errors = go_on(process)
        assert code == 1
        (line,) = errors
        assert line.startswith(
            "redrive: PostgreSQL at " if point == "redrive committed" else "redrive: another redrive"
        )
    assert_all_went_back_once(pipeline, valid_events(5))


def end_sessions(stack: Stack, pipeline: Pipeline) -> None:
    """End all sessions of the pipeline's database, as a restart of PostgreSQL does."""
    url = pipeline.settings.postgres_url
    database = url.rpartition("/")[2]
    with psycopg.connect(url, user="postgres", password=stack.secrets.postgres_admin, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE datname = %s AND pid != pg_backend_pid()",
            [database],
        )


def test_an_open_transaction_of_another_producer_does_not_hide_what_was_sent(pipeline: Pipeline) -> None:
    reject(pipeline, *valid_events(5))
    settings = pipeline.settings
    other = Producer({"bootstrap.servers": settings.kafka_url, "transactional.id": "another"})
    other.init_transactions(30)
    other.begin_transaction()
    for partition in range(2):
        other.produce(settings.kafka_topic, b"not yet", partition=partition)
    other.flush(30)
    with stopped(pipeline, "redrive committed", *ALL) as process:
        process.kill()
    hidden = redrive(pipeline, *ALL)
    assert hidden.returncode == 1
    assert "another producer holds a transaction open; start again later" in hidden.stderr
    other.abort_transaction(30)
    assert redrive(pipeline, *ALL).returncode == 0
    assert_all_went_back_once(pipeline, valid_events(5))


def test_redrives_whose_kafka_is_away_say_so_and_the_next_ones_complete_them(
    stack: Stack, numbers: Iterator[int], tmp_path: Path
) -> None:
    marked, sent, fresh = (make_pipeline(stack, f"web_traffic_{next(numbers)}", tmp_path) for _ in range(3))
    for pipeline in (marked, sent, fresh):
        reject(pipeline, *valid_events(5))
    with (
        stopped(marked, "redrive marked", *ALL) as first,
        stopped(sent, "redrive sent", *ALL) as second,
        program_away(stack, "kafka"),
    ):
        for process in (first, second):
            os.kill(process.pid, signal.SIGCONT)
        third = redrive(fresh, *ALL)
        for code, errors in (go_on(first), go_on(second), (third.returncode, third.stderr.splitlines())):
            assert code == 1
            (line,) = errors
            assert line.startswith("redrive: Kafka at ")
            assert line.endswith(": is it up?")
    assert states(fresh) == []
    for pipeline in (marked, sent, fresh):
        assert redrive(pipeline, *ALL).returncode == 0
        assert_all_went_back_once(pipeline, valid_events(5))


@pytest.mark.parametrize("point", ["redrive marked", "redrive committed"])
def test_a_redrive_whose_postgres_goes_away_says_so_and_the_next_one_completes_it(
    stack: Stack, pipeline: Pipeline, point: str
) -> None:
    reject(pipeline, *valid_events(5))
    with stopped(pipeline, point, *ALL) as process, program_away(stack, "postgres"):
        first, second = go_on(process), redrive(pipeline, *ALL)
    for code, errors in (first, (second.returncode, second.stderr.splitlines())):
        assert code == 1
        (line,) = errors
        assert line.startswith("redrive: PostgreSQL at ")
    assert redrive(pipeline, *ALL).returncode == 0
    assert_all_went_back_once(pipeline, valid_events(5))


def make_topic_anew(pipeline: Pipeline) -> None:
    settings = pipeline.settings
    admin = AdminClient({"bootstrap.servers": settings.kafka_url})
    admin.delete_topics([settings.kafka_topic])[settings.kafka_topic].result(30)

    def is_made() -> bool:
        try:
            make_topic(settings)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # for a moment it still does
                raise
            return False
        return True

    wait_until(is_made, "the topic is made anew")


def delete_records(pipeline: Pipeline) -> None:
    settings = pipeline.settings
    ends = describe_topic(settings).end_offsets
    places = [TopicPartition(settings.kafka_topic, int(number), end) for number, end in ends.items()]
    admin = AdminClient({"bootstrap.servers": settings.kafka_url})
    for answer in admin.delete_records(places).values():
        answer.result(30)


@pytest.mark.parametrize(
    ("lose", "message"),
    [(make_topic_anew, "was made anew"), (delete_records, "retention has deleted records of")],
)
@pytest.mark.parametrize(("assume", "went_back"), [("sent", 0), ("lost", 5)])
def test_a_person_decides_about_a_redrive_whose_traces_kafka_has_deleted(
    pipeline: Pipeline, lose: Callable[[Pipeline], None], message: str, assume: str, went_back: int
) -> None:
    reject(pipeline, *valid_events(5))
    with stopped(pipeline, "redrive committed", *ALL) as process:
        process.kill()
    lose(pipeline)
    refused = redrive(pipeline, *ALL)
    assert refused.returncode == EXIT_NEEDS_ATTENTION
    assert message in refused.stderr
    assert "--assume sent" in refused.stderr
    assert redrive(pipeline, *ALL, "--assume", assume).returncode == 0
    assert values(pipeline) == valid_events(went_back)
    assert pipeline.query("SELECT count(*) FROM etl.rejected_event WHERE redriven_at IS NULL") == [(0,)]
