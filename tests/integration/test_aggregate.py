"""The Spark application on the real Kafka and PostgreSQL, against a recount of what was produced."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulator import Truth
from tests.pipeline import Pipeline, Windows
from web_traffic import kafka
from web_traffic.errors import EXIT_NEEDS_ATTENTION

EVENING = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
WINDOW = timedelta(minutes=5)


def closed(truth: Truth, sealed_until: str) -> Windows:
    """Return the windows of a ground truth that a watermark has closed."""
    watermark = datetime.fromisoformat(sealed_until)
    return {
        (window.window_start, window.host, window.referrer): window.num_hits
        for window in truth.windows()
        if window.window_start + WINDOW <= watermark
    }


def event(time: str, host: str = "a.example", referrer: str | None = None) -> bytes:
    """Return an event of the night to 29 March 2026, at `HH:MM` or `HH:MM:SS.fff`."""
    date = "2026-03-28" if time > "12" else "2026-03-29"
    seconds = "" if time.count(":") == 2 else ":00"
    return json.dumps({"event_time": f"{date}T{time}{seconds}Z", "host": host, "referrer": referrer}).encode()


def books(summary: dict[str, Any]) -> tuple[int, ...]:
    assert summary["open_before"] + summary["read"] == sum(
        summary[name] for name in ("rejected", "future", "late", "superseded", "emitted", "open_after")
    )
    return tuple(summary[name] for name in ("read", "rejected", "future", "late", "emitted", "open_after"))


def kept_records(pipeline: Pipeline) -> Counter[tuple[str, bytes | None]]:
    return Counter(pipeline.query("SELECT reason, value FROM etl.rejected_event"))


def test_an_hour_across_midnight_is_counted_to_the_row(pipeline: Pipeline) -> None:
    truth = pipeline.produce_traffic(20_000, seed=1, start=EVENING, end=EVENING + timedelta(hours=1))
    first = pipeline.run()
    expected = closed(truth, first["sealed_until"])
    assert pipeline.windows() == expected
    emitted = sum(expected.values())
    on_time = truth.sent - truth.rejected - truth.future
    assert books(first) == (truth.sent, truth.rejected, truth.future, 0, emitted, on_time - emitted)

    nothing_new = pipeline.run()
    assert books(nothing_new) == (0, 0, 0, 0, 0, on_time - emitted)
    assert pipeline.windows() == expected

    later = EVENING + timedelta(hours=1)
    pipeline.produce_traffic(20_000, seed=2, start=later, end=later + timedelta(hours=1))
    third = pipeline.run()
    assert third["late"] > 0 < third["dropped_rows"]
    assert books(third)[0] == 20_000
    recount = pipeline.recount()
    assert recount.is_right, recount
    assert recount.late == third["late"]


def test_a_late_event_is_dropped_once_its_window_is_closed_and_the_books_say_so(pipeline: Pipeline) -> None:
    pipeline.produce(event("23:56:00"), event("00:00:30"))
    assert books(pipeline.run()) == (2, 0, 0, 0, 0, 2)
    pipeline.produce(event("23:59:59.999"), event("00:01:00"))  # in time: the watermark is 23:59:30
    assert books(pipeline.run()) == (2, 0, 0, 0, 2, 2)
    pipeline.produce(event("23:59:59.999"), event("00:06:00"))  # late: the watermark is 00:00:00
    assert books(pipeline.run()) == (2, 0, 0, 1, 2, 1)
    assert list(pipeline.windows().values()) == [2, 2]


def test_broken_and_future_records_cost_only_themselves(pipeline: Pipeline) -> None:
    at = datetime(2026, 3, 29, tzinfo=UTC)
    pipeline.produce(None, b"", b"{", b"[" * 100_000, event("00:00", host=""), b"\xff" * 900_000, at=at)
    pipeline.produce(event("00:01"), event("00:05"), event("00:05:00.000001"), at=at)
    now = datetime.now(UTC)
    ahead = {"event_time": (now + timedelta(minutes=30)).isoformat(), "host": "a.example"}
    pipeline.produce(json.dumps(ahead).encode(), at=now + timedelta(minutes=30))  # a producer whose clock is wrong
    assert books(pipeline.run()) == (10, 6, 2, 0, 0, 2)
    assert kept_records(pipeline) == {
        ("null value", None): 1,
        ("not JSON", b""): 1,
        ("not JSON", b"{"): 1,
        ("not JSON", b"[" * 100_000): 1,
        ("not JSON", b"\xff" * 900_000): 1,
        ("host empty", event("00:00", host="")): 1,
        ("from the future", event("00:05:00.000001")): 1,
        ("from the future", json.dumps(ahead).encode()): 1,
    }
    pipeline.produce(event("00:06"))
    pipeline.run()
    assert [(start.minute, hits) for (start, _, _), hits in pipeline.windows().items()] == [(0, 1)]


def test_keys_of_any_length_and_content_are_kept_apart(pipeline: Pipeline) -> None:
    referrers = [
        None,
        "",
        "=",
        "\\",
        "\\x00",
        "a" * 10_000,
        "a" * 9_999 + "b",
        "é",
        "\U0001f600",
        "null",
        "\n\\.\n",
        '"',
    ]
    hosts = ["a.example", "a.example:", "1:a.example"]
    keys = [(host, referrer) for host in hosts for referrer in referrers]
    pipeline.produce(*(event("00:01", host, referrer) for host, referrer in keys * 2), event("00:07", "end"))
    pipeline.run()
    assert {key[1:]: hits for key, hits in pipeline.windows().items()} == dict.fromkeys(keys, 2)


def test_a_batch_that_comes_again_is_not_written_again_and_the_run_goes_on(pipeline: Pipeline) -> None:
    pipeline.produce(event("00:01"), event("00:07"))
    pipeline.run()
    assert pipeline.query("SELECT batch_id, emitted FROM etl.batch ORDER BY 1") == [(0, 0), (1, 1)]
    for file in (pipeline.checkpoint / "commits").glob("*1*"):
        file.unlink()
    assert books(pipeline.run()) == (0, 0, 0, 0, 0, 1)  # the batch is in closed books already
    pipeline.produce(event("00:13"))
    assert books(pipeline.run()) == (1, 0, 0, 0, 1, 1)
    assert sorted(pipeline.windows().values()) == [1, 1]
    recount = pipeline.recount()
    assert recount.is_right, recount


def test_a_new_checkpoint_over_the_same_topic_writes_neither_sealed_windows_nor_rejected_events_again(
    pipeline: Pipeline, tmp_path: Any
) -> None:
    pipeline.produce(event("00:01"), event("00:07"), b"broken")
    pipeline.run()
    again = pipeline.run(CHECKPOINT_LOCATION=str(tmp_path / "another"), REBUILD_CHECKPOINT="true")
    assert (books(again), again["superseded"]) == ((3, 1, 0, 0, 0, 1), 1)
    assert sorted(pipeline.windows().values()) == [1]
    assert kept_records(pipeline) == {("not JSON", b"broken"): 1}


def test_an_empty_topic_is_a_run_without_a_batch(pipeline: Pipeline) -> None:
    assert books(pipeline.run()) == (0, 0, 0, 0, 0, 0)


def test_the_zone_of_the_machine_does_not_matter(pipeline: Pipeline) -> None:
    pipeline.produce(event("02:01"), event("02:59"), event("03:07"))
    pipeline.cold.run(TZ="Europe/Berlin")
    assert [f"{start:%H:%M}" for start, _, _ in sorted(pipeline.windows(), key=str)] == ["02:00", "02:55"]


@pytest.mark.parametrize(
    ("environment", "exit_code", "message"),
    [
        ({"POSTGRES_URL": "mysql://x"}, EXIT_NEEDS_ATTENTION, "SettingsError: POSTGRES_URL must look like"),
        (
            {"POSTGRES_URL": "jdbc:postgresql://127.0.0.1/x?reWriteBatchedInserts=true"},
            EXIT_NEEDS_ATTENTION,
            'SettingsError: POSTGRES_URL: invalid URI query parameter: "reWriteBatchedInserts". Leave out',
        ),
        ({"KAFKA_TOPIC": "nowhere"}, EXIT_NEEDS_ATTENTION, "TopicMissing: topic nowhere does not exist"),
        ({"KAFKA_URL": "127.0.0.1:1"}, 1, "KafkaUnavailable: no Kafka broker answers at 127.0.0.1:1"),
        ({"POSTGRES_PASSWORD": "wrong"}, EXIT_NEEDS_ATTENTION, "password authentication failed"),
        ({"POSTGRES_URL": "postgresql://127.0.0.1:1/x"}, 1, "OperationalError: connection failed"),
    ],
)
def test_what_a_person_has_to_put_right_ends_in_one_line(
    pipeline: Pipeline,
    environment: dict[str, str],
    exit_code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kafka, "TIMEOUT_SECONDS", 2)
    result = pipeline.submit(**environment)
    assert result.returncode == exit_code
    assert message in result.stdout
    assert "Traceback" not in result.stdout


@pytest.mark.parametrize(
    ("environment", "exit_code", "message"),
    [
        ({"KAFKA_TOPIC": "nowhere"}, EXIT_NEEDS_ATTENTION, "TopicMissing: topic nowhere does not exist"),
        ({"POSTGRES_URL": "postgresql://127.0.0.1:1/x"}, 1, "OperationalError: connection failed"),
    ],
)
def test_the_process_ends_with_the_exit_code_and_the_line(
    pipeline: Pipeline, environment: dict[str, str], exit_code: int, message: str
) -> None:
    result = pipeline.cold.submit(**environment)
    assert result.returncode == exit_code
    assert message in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_a_database_without_the_schema_is_refused_with_the_command_that_makes_it(
    pipeline: Pipeline,
) -> None:
    with pipeline.owner() as connection:
        connection.execute("DELETE FROM etl.migration")
    result = pipeline.submit()
    assert result.returncode == EXIT_NEEDS_ATTENTION
    assert "web-traffic migrate" in result.stdout + result.stderr


def test_a_run_that_fails_leaves_its_error_and_the_next_one_reads_what_it_did_not(pipeline: Pipeline) -> None:
    pipeline.produce(event("00:01"), event("00:07"))
    with pipeline.owner() as connection:
        connection.execute("REVOKE INSERT ON public.aggregated_web_traffic FROM web_traffic_writer")
    assert pipeline.submit().returncode == EXIT_NEEDS_ATTENTION
    [(status, error)] = pipeline.query("SELECT status, error FROM etl.run")
    assert status == "failed"
    assert "permission denied" in error
    with pipeline.owner() as connection:
        connection.execute("GRANT INSERT ON public.aggregated_web_traffic TO web_traffic_writer")
    pipeline.run()
    assert list(pipeline.windows().values()) == [1]
    assert pipeline.recount().is_right
