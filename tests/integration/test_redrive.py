"""Rejected events back to the topic, on the real Kafka and PostgreSQL."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from tests.integration.test_aggregate import books, event
from tests.pipeline import Pipeline
from tests.redriving import ALL, AT, assert_all_went_back_once, messages, redrive, reject, states, valid_events, values
from web_traffic.commands.redrive import main
from web_traffic.errors import EXIT_NEEDS_ATTENTION
from web_traffic.kafka import describe_topic
from web_traffic.redrive.ledger import Redrive, RedriveLedger, Selection


def test_events_whose_time_has_come_and_repaired_ones_are_counted_once_and_the_late_one_is_in_the_books(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    pipeline.produce(event("00:01"), event("00:07"))
    pipeline.produce(event("00:11", "early.example"), event("00:12", ""), event("23:59", ""), at=AT)
    assert books(pipeline.run()) == (5, 2, 1, 0, 1, 1)

    assert redrive(pipeline, "--reason", "host empty", "--export", str(tmp_path / "events")).returncode == 0
    exported = (tmp_path / "events").read_text()
    (tmp_path / "events").write_text(exported.replace('\\"host\\": \\"\\"', '\\"host\\": \\"repaired.example\\"'))
    assert redrive(pipeline, "--values", str(tmp_path / "events")).returncode == 0
    assert redrive(pipeline, "--reason", "from the future").returncode == 0

    assert books(pipeline.run()) == (3, 0, 0, 1, 1, 2)
    pipeline.produce(event("00:20", "end.example"))
    assert books(pipeline.run()) == (1, 0, 0, 0, 2, 1)
    assert {(f"{start:%H:%M}", host): hits for (start, host, _), hits in pipeline.windows().items()} == {
        ("00:00", "a.example"): 1,
        ("00:05", "a.example"): 1,
        ("00:10", "early.example"): 1,
        ("00:10", "repaired.example"): 1,
    }
    recount = pipeline.recount()
    assert recount.is_right, recount


@pytest.mark.parametrize("is_rebuilt_first", [False, True])
def test_an_event_that_newer_rules_would_accept_is_counted_by_its_redrive_alone(
    pipeline: Pipeline, is_rebuilt_first: bool
) -> None:
    newer_rules = {"MAX_CLOCK_SKEW": "900", "REBUILD_CHECKPOINT": "true"}
    pipeline.produce(event("00:11"), at=AT)
    assert books(pipeline.run()) == (1, 0, 1, 0, 0, 0)
    if is_rebuilt_first:
        assert books(pipeline.run(**newer_rules)) == (1, 1, 0, 0, 0, 0)
    assert redrive(pipeline, "--reason", "from the future").returncode == 0
    pipeline.produce(event("00:20"))
    pipeline.run(**({} if is_rebuilt_first else newer_rules))
    assert list(pipeline.windows().values()) == [1]
    recount = pipeline.recount()
    assert recount.is_right, recount


def test_a_record_goes_back_to_its_partition_with_a_new_timestamp_and_says_where_it_comes_from(
    pipeline: Pipeline,
) -> None:
    reject(pipeline, *valid_events(2))
    began_ms = datetime.now(UTC).timestamp() * 1000
    finished = redrive(pipeline, *ALL)
    assert finished.stdout.splitlines() == [
        "from the future: 2 selected, 2 went back",
        "2 of 2 selected events went back.",
    ]
    [(redrive_id,)] = pipeline.query("SELECT redrive_id::text FROM etl.redrive")
    topic_id = describe_topic(pipeline.settings).id
    assert [(message.partition(), message.value(), message.headers()) for message in messages(pipeline)] == [
        (
            number,
            value,
            [("redriven-from", f"{topic_id}/{number}/{number}".encode()), ("redrive-id", redrive_id.encode())],
        )
        for number, value in enumerate(valid_events(2))
    ]
    assert all(message.timestamp()[1] >= int(began_ms) for message in messages(pipeline))


def test_a_dry_run_tells_how_many_would_go_back_and_changes_nothing(pipeline: Pipeline) -> None:
    reject(pipeline, *valid_events(2), event("00:01", host=""))
    reject(pipeline, b"{", reason="not JSON")
    reject(pipeline, None, reason="null value")
    assert redrive(pipeline, *ALL, "--dry-run").stdout.splitlines() == [
        "from the future: 3 selected, 2 would go back; 1 stay: host empty",
        "not JSON: 1 selected, 0 would go back; 1 stay: not JSON",
        "null value: 1 selected, 0 would go back; 1 stay: null value",
        "2 of 5 selected events would go back.",
    ]
    assert (values(pipeline), states(pipeline)) == ([], [])


def test_repaired_values_go_back_once_beside_the_original_ones(pipeline: Pipeline, tmp_path: Path) -> None:
    reject(pipeline, b"{", b"[", b"}", reason="not JSON")
    file = tmp_path / "values"
    file.write_text(
        "".join(
            json.dumps({"partition": number % 2, "offset": number, "value": value.decode()}) + "\n"
            for number, value in enumerate([*valid_events(2), b"still broken"])
        )
    )
    assert redrive(pipeline, "--values", str(file)).stdout.splitlines()[-1] == "2 of 3 selected events went back."
    assert redrive(pipeline, "--values", str(file)).stdout.splitlines() == [
        "not JSON: 3 selected, 0 went back; 1 stay: not JSON; 2 re-driven before",
        "0 of 3 selected events went back.",
    ]
    assert values(pipeline) == valid_events(2)
    kept = pipeline.query(
        "SELECT value, repaired_value, redriven_at IS NOT NULL FROM etl.rejected_event ORDER BY record_offset"
    )
    assert kept == [(b"{", valid_events(2)[0], True), (b"[", valid_events(2)[1], True), (b"}", None, False)]


def test_events_that_went_back_are_not_selected_again(pipeline: Pipeline) -> None:
    reject(pipeline, *valid_events(2))
    assert [redrive(pipeline, *ALL).stdout.splitlines()[-1] for _ in range(2)] == [
        "2 of 2 selected events went back.",
        "0 of 0 selected events went back.",
    ]


def test_an_event_stays_with_the_redrive_that_took_it_first(pipeline: Pipeline) -> None:
    reject(pipeline, *valid_events(1))
    with pipeline.connect() as connection:
        ledger = RedriveLedger.alone(connection)
        [[rejected]] = ledger.pages(Selection())
        first, second = (Redrive(uuid4(), "an id", "a topic", {}, 1, AT) for _ in range(2))
        for one in (first, second):
            ledger.open(one, "both have read the same page", {rejected.place: None})
            ledger.finish(one)
        assert (len(ledger.records(first)), ledger.records(second)) == (1, [])


def test_a_value_for_a_record_that_was_not_rejected_is_refused(pipeline: Pipeline, tmp_path: Path) -> None:
    reject(pipeline, b"{")
    (tmp_path / "values").write_text('{"partition": 3, "offset": 9, "value": ""}')
    finished = redrive(pipeline, "--values", str(tmp_path / "values"))
    assert finished.returncode == EXIT_NEEDS_ATTENTION
    assert "1 values are for records that were not rejected, such as " in finished.stderr


@pytest.mark.parametrize(("limit", "pages"), [(("--limit", "7"), [3, 3, 1]), ((), [3, 3, 3, 1])])
def test_many_events_go_back_in_several_redrives_the_oldest_first(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, limit: tuple[str, ...], pages: list[int]
) -> None:
    for value in valid_events(10):
        reject(pipeline, value)
    monkeypatch.setattr("web_traffic.redrive.ledger.PAGE_EVENTS", 3)
    for name, setting in pipeline.environment.items():
        monkeypatch.setenv(name, setting)
    assert main([*ALL, *limit]) == 0
    assert [events for (events,) in pipeline.query("SELECT events FROM etl.redrive ORDER BY requested_at")] == pages
    assert values(pipeline) == valid_events(10)[: sum(pages)]


def test_a_redrive_holds_no_more_bytes_than_it_may_but_at_least_one_event(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [10, 10, 10, 500, 10]
    expected = [event("00:01", host="h" * size) for size in sizes]
    for value in expected:
        reject(pipeline, value)
    monkeypatch.setattr("web_traffic.redrive.ledger.PAGE_BYTES", 200)
    for name, setting in pipeline.environment.items():
        monkeypatch.setenv(name, setting)
    assert main([*ALL]) == 0
    assert pipeline.query("SELECT events FROM etl.redrive ORDER BY requested_at") == [(2,), (1,), (1,), (1,)]
    assert_all_went_back_once(pipeline, expected)


def set_message_limit(pipeline: Pipeline, limit: str) -> None:
    entry = ConfigEntry("max.message.bytes", limit, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, pipeline.settings.kafka_topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": pipeline.settings.kafka_url})
    admin.incremental_alter_configs([resource])[resource].result(30)


def test_an_event_that_is_too_large_for_the_topic_is_named_and_stays(pipeline: Pipeline) -> None:
    large = event("00:01", host=os.urandom(3_000).hex())
    reject(pipeline, event("00:01"), large)
    set_message_limit(pipeline, "1000")
    refused = redrive(pipeline, *ALL)
    assert refused.returncode == EXIT_NEEDS_ATTENTION
    assert f"/1/1 (topic id/partition/offset) with {len(large):,} bytes: " in refused.stderr
    assert "raise the topic's max.message.bytes" in refused.stderr
    assert (values(pipeline), states(pipeline)) == ([], ["withdrawn"])
    set_message_limit(pipeline, "100000")
    assert redrive(pipeline, *ALL).returncode == 0
    assert values(pipeline) == sorted([event("00:01"), large])
