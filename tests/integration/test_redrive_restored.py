"""A rejected event goes back once, also after the database was put back to an earlier state."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions
from psycopg import sql

from local_stack import Stack
from local_stack.postgres import make_warehouse
from tests.integration.test_redrive_faults import delete_records, make_topic_anew
from tests.pipeline import Pipeline
from tests.redriving import ALL, messages, redrive, reject, states, stopped, valid_events, values
from web_traffic.kafka import describe_topic
from web_traffic.redrive import topic as topic_side
from web_traffic.redrive.ledger import RedriveLedger
from web_traffic.redrive.topic import redriven_records


@contextmanager
def put_back(stack: Stack, pipeline: Pipeline) -> Iterator[None]:
    """Copy the database, and put the copy in its place at the end."""
    name = pipeline.settings.postgres_url.rpartition("/")[2]
    database, copy = sql.Identifier(name), sql.Identifier(f"{name}_copy")
    owner = sql.Identifier("web_traffic_owner")
    with psycopg.connect(
        pipeline.settings.postgres_url,
        dbname="postgres",
        user="postgres",
        password=stack.secrets.postgres_admin,
        autocommit=True,
    ) as administrator:
        administrator.execute(sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(copy, owner, database))
        yield
        administrator.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))
        administrator.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(copy, database))
    make_warehouse(stack, name)


def reject_records(pipeline: Pipeline, *rejected: bytes, reason: str = "from the future") -> None:
    """Have records in the topic, and enter them as rejected."""
    producer = Producer({"bootstrap.servers": pipeline.settings.kafka_url})
    for partition in (0, 1):
        for _ in rejected:
            producer.produce(pipeline.settings.kafka_topic, b"rejected", partition=partition)
    assert producer.flush(30) == 0
    reject(pipeline, *rejected, reason=reason)


def sent(pipeline: Pipeline) -> list[bytes]:
    """Return what redrives have sent."""
    return [value for value in values(pipeline) if value != b"rejected"]


def went_back(pipeline: Pipeline, *arguments: str) -> str:
    """Redrive events, and return the last line of the report."""
    finished = redrive(pipeline, *(arguments or ALL))
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.splitlines()[-1]


def free_events(pipeline: Pipeline) -> int:
    [(count,)] = pipeline.query("SELECT count(*) FROM etl.rejected_event WHERE redriven_at IS NULL")
    return int(count)


def test_events_that_went_back_before_the_database_was_put_back_stay_there_once(
    stack: Stack, pipeline: Pipeline
) -> None:
    reject_records(pipeline, *valid_events(5))
    with put_back(stack, pipeline):
        assert went_back(pipeline) == "5 of 5 selected events went back."
    finished = redrive(pipeline, *ALL)
    assert (finished.returncode, finished.stdout) == (0, "0 of 0 selected events went back.\n")
    assert finished.stderr == "5 events are in the topic already, by redrives that the database does not know\n"
    assert sent(pipeline) == sorted(valid_events(5))
    assert free_events(pipeline) == 0
    [redrive_id] = {
        dict(message.headers())["redrive-id"].decode() for message in messages(pipeline) if message.headers()
    }
    entered = "SELECT redrive_id::text, state, events, selector FROM etl.redrive"
    assert pipeline.query(entered) == [(redrive_id, "done", 5, "found in the topic")]
    assert redrive(pipeline, *ALL).stderr == ""


def test_only_what_the_copy_does_not_know_is_left_out(stack: Stack, pipeline: Pipeline) -> None:
    reject_records(pipeline, *valid_events(9))
    assert went_back(pipeline, *ALL, "--limit", "2") == "2 of 2 selected events went back."
    with put_back(stack, pipeline):
        assert went_back(pipeline, *ALL, "--limit", "3") == "3 of 3 selected events went back."
    assert went_back(pipeline) == "4 of 4 selected events went back."
    assert sent(pipeline) == sorted(valid_events(9))
    assert free_events(pipeline) == 0


def test_an_event_that_went_back_is_not_sent_with_another_value(
    stack: Stack, pipeline: Pipeline, tmp_path: Path
) -> None:
    reject_records(pipeline, b"{", reason="not JSON")
    file = tmp_path / "values"
    value = {"partition": 0, "offset": 0, "value": valid_events(1)[0].decode()}
    file.write_text(json.dumps(value))
    with put_back(stack, pipeline):
        assert went_back(pipeline, "--values", str(file)) == "1 of 1 selected events went back."
    assert went_back(pipeline, "--values", str(file)) == "0 of 1 selected events went back."
    assert len(sent(pipeline)) == 1


def test_a_redrive_that_was_under_way_in_the_copy_is_done_by_another_one_that_sent_its_events(
    stack: Stack, pipeline: Pipeline
) -> None:
    reject_records(pipeline, *valid_events(5))
    with stopped(pipeline, "redrive marked", *ALL) as process:
        process.kill()
    with put_back(stack, pipeline):
        assert went_back(pipeline) == "5 of 5 selected events went back."
    assert went_back(pipeline) == "0 of 0 selected events went back."
    assert sent(pipeline) == sorted(valid_events(5))
    assert sorted(states(pipeline)) == ["done", "withdrawn"]


def test_events_of_an_earlier_topic_went_back_to_the_topic_of_today(stack: Stack, pipeline: Pipeline) -> None:
    reject_records(pipeline, *valid_events(5))
    make_topic_anew(pipeline)
    with put_back(stack, pipeline):
        assert went_back(pipeline) == "5 of 5 selected events went back."
        admin = AdminClient({"bootstrap.servers": pipeline.settings.kafka_url})
        more = NewPartitions(pipeline.settings.kafka_topic, 7)
        admin.create_partitions([more])[pipeline.settings.kafka_topic].result(30)
    assert went_back(pipeline) == "0 of 0 selected events went back."
    assert sent(pipeline) == sorted(valid_events(5))


def test_old_events_go_back_although_retention_has_deleted_what_came_after_them(pipeline: Pipeline) -> None:
    reject(pipeline, *valid_events(5))
    pipeline.produce(*valid_events(40))
    delete_records(pipeline)
    assert went_back(pipeline) == "5 of 5 selected events went back."
    assert values(pipeline) == sorted(valid_events(5))


def test_a_search_begins_behind_the_newest_redrive_or_behind_events_that_were_rejected_since(
    pipeline: Pipeline,
) -> None:
    reject(pipeline, *valid_events(6))  # offsets 0, 2, 4 of partition 0, and 1, 3, 5 of partition 1
    topic = describe_topic(pipeline.settings)

    def starts() -> dict[str, int]:
        with pipeline.connect() as connection:
            return RedriveLedger(connection).search_from(topic.id, ["0", "1", "2"])

    def change(statement: str) -> None:
        with pipeline.owner() as connection:
            connection.execute(statement.encode())

    assert starts() == {"0": 1, "1": 2}
    change(
        "INSERT INTO etl.redrive (redrive_id, state, topic_id, topic, end_offsets, selector, events) VALUES "
        f"""(gen_random_uuid(), 'done', '{topic.id}', 'x', '{{"0": 100, "1": 200, "2": 300}}', '', 1)"""
    )
    assert starts() == {"0": 1, "1": 2}  # rejected a moment before the redrive: it may not have looked for them
    change("UPDATE etl.rejected_event SET rejected_at = now() - interval '2 hours' WHERE partition = 1")
    assert starts() == {"0": 1, "1": 200}
    change("UPDATE etl.rejected_event SET rejected_at = now() - interval '2 hours'")
    assert starts() == {"0": 100, "1": 200}
    change("UPDATE etl.rejected_event SET topic_id = 'earlier' WHERE partition = 1")
    assert starts() == {"0": 100, "1": 200, "2": 300}
    change("UPDATE etl.redrive SET topic_id = 'earlier'")
    assert starts() == {"0": 0, "1": 0, "2": 0}
    change("UPDATE etl.rejected_event SET redrive_id = (SELECT redrive_id FROM etl.redrive)")
    assert starts() == {}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"redriven-from": b"x/0/0"},
        {"redriven-from": b"x/0/0", "redrive-id": b"7"},
        {"redriven-from": b"\xff/0/0", "redrive-id": b"1" * 32},
        {"redriven-from": b"x/0/99999999999999999999", "redrive-id": b"1" * 32},
        {"redriven-from": b"x\0/0/0", "redrive-id": b"1" * 32},
        {"redriven-from": None, "redrive-id": b"1" * 32},
        {"redriven-from": b"0/0", "redrive-id": b"1" * 32},
    ],
    ids=str,
)
def test_headers_of_other_producers_are_passed_over(pipeline: Pipeline, headers: dict[str, bytes | None]) -> None:
    reject(pipeline, *valid_events(2))
    producer = Producer({"bootstrap.servers": pipeline.settings.kafka_url})
    for partition in (0, 1):
        for _ in range(3):
            producer.produce(pipeline.settings.kafka_topic, b"", partition=partition, headers=headers)
    assert producer.flush(30) == 0
    assert went_back(pipeline) == "2 of 2 selected events went back."


def test_a_long_search_tells_how_far_it_is(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.produce(*valid_events(10))
    monkeypatch.setattr(topic_side, "PROGRESS_SECONDS", 0)
    told: list[str] = []
    everything = dict.fromkeys(describe_topic(pipeline.settings).end_offsets, 0)
    assert list(redriven_records(pipeline.settings, everything, told.append)) == []
    assert told[-1] == "searched 10 of 10 records for events that went back before"
