"""Records whose Kafka timestamp is no time: nothing fails, and nothing is lost."""

import json
from datetime import UTC, datetime

import pytest

from tests.integration.test_aggregate import books, event
from tests.pipeline import Pipeline
from tests.redriving import ALL, redrive
from tests.restating import figures, hits, restate
from web_traffic.errors import EXIT_NEEDS_ATTENTION
from web_traffic.quality.topic import run_scope

NONE, FIRST_MS, SECONDS = -1, 1, 1_774_742_400
MICROSECONDS = 1_774_742_400_000_000
BEFORE_1970 = -86_400_000
BEYOND_DATETIME = 253_402_300_800_000
SOON = datetime(2026, 3, 29, 0, 21, tzinfo=UTC)


@pytest.mark.parametrize("sent_ms", [NONE, FIRST_MS, SECONDS, MICROSECONDS, BEYOND_DATETIME])
def test_events_are_counted_and_checked_and_restated_and_recounted(pipeline: Pipeline, sent_ms: int) -> None:
    pipeline.produce(event("00:01"), event("00:06"), at=sent_ms)
    pipeline.produce(event("00:02"), event("00:20"), at=SOON)
    assert books(pipeline.run()) == (4, 0, 0, 0, 3, 1)
    pipeline.produce(event("00:03", "late.example"), at=sent_ms)
    assert pipeline.run()["late"] == 1
    with pipeline.connect() as connection:
        run_scope(pipeline.settings, connection)
    assert figures(restate(pipeline, "00:00", "00:05"))[1] == 0  # a batch of months later has read it
    assert figures(restate(pipeline, "00:00", "00:15", ALLOWED_LATENESS=str(366 * 86_400)))[1] == 1
    assert hits(pipeline) == {"00:00 a.example": 2, "00:00 late.example": 1, "00:05 a.example": 1}
    recount = pipeline.recount()
    assert recount.is_right, recount


@pytest.mark.parametrize("sent_ms", [NONE, SECONDS, MICROSECONDS, BEYOND_DATETIME])
def test_a_malformed_record_is_rejected_like_any_other(pipeline: Pipeline, sent_ms: int) -> None:
    pipeline.produce(b"broken", at=sent_ms)
    assert books(pipeline.run()) == (1, 1, 0, 0, 0, 0)
    [(reason, sent_at)] = pipeline.query("SELECT reason, kafka_timestamp FROM etl.rejected_event")
    assert (reason, sent_at.tzinfo) == ("not JSON", sent_at.tzinfo)


def test_an_event_ahead_of_the_clock_is_from_the_future_whatever_its_timestamp(pipeline: Pipeline) -> None:
    ahead = json.dumps({"host": "a.example", "event_time": "2099-01-01T00:00:00Z"}).encode()
    for sent_ms in (NONE, SECONDS, MICROSECONDS):
        pipeline.produce(ahead, at=sent_ms)
    assert books(pipeline.run()) == (3, 0, 3, 0, 0, 0)
    assert pipeline.query("SELECT watermark FROM etl.run") == [(None,)]


NANOSECONDS = MICROSECONDS * 1000
BOTH = {"REBUILD_CHECKPOINT": "true", "ACCEPT_DATA_LOSS": "true"}


def unreadable_among_others(pipeline: Pipeline) -> None:
    """Send events of which Spark can't read two, to one partition, when an open window has a hit there already."""
    pipeline.produce(event("00:01"), at=SOON, partition=1)
    pipeline.run()
    pipeline.produce(event("00:02"), at=SOON, partition=1)
    pipeline.produce(event("00:03", "first.example"), at=NANOSECONDS, partition=1)
    pipeline.produce(event("00:04"), at=SOON, partition=1)
    pipeline.produce(event("00:03", "second.example"), at=NANOSECONDS, partition=1)
    pipeline.produce(event("00:04"), event("00:20"), at=SOON, partition=1)
    pipeline.produce(event("00:04"), at=SOON, partition=2)


def test_a_timestamp_that_spark_can_not_read_is_refused_by_its_place_with_the_way_out(pipeline: Pipeline) -> None:
    unreadable_among_others(pipeline)
    for flags in ({}, {"ACCEPT_DATA_LOSS": "true"}, {"REBUILD_CHECKPOINT": "true"}):
        result = pipeline.submit(**flags)
        assert result.returncode == EXIT_NEEDS_ATTENTION
        assert "partition 1, offset 2: 1774742400000000000 ms; partition 1, offset 4: 17" in result.stdout
        assert "run once with rebuild_checkpoint and accept_data_loss" in result.stdout


def test_the_way_out_and_a_restatement_count_all_but_what_spark_can_not_read(pipeline: Pipeline) -> None:
    unreadable_among_others(pipeline)
    summary = pipeline.run(**BOTH)
    assert (summary["read"], summary["gap"]) == (3, {"1": [1, 5]})
    kept = "SELECT partition, record_offset, reason FROM etl.rejected_event ORDER BY record_offset"
    reason = "Kafka timestamp out of Spark's range"
    assert pipeline.query(kept) == [(1, 2, reason), (1, 4, reason)]
    assert hits(pipeline) == {"00:00 a.example": 2}
    assert figures(restate(pipeline, "00:00", "00:05"))[1:] == (1, 2, 5)
    assert hits(pipeline) == {"00:00 a.example": 5}
    recount = pipeline.recount()
    assert recount.is_right, recount
    pipeline.produce(event("00:26"), at=SOON, partition=1)
    assert pipeline.run()["gap"] is None
    assert redrive(pipeline, *ALL).returncode == 0
    assert pipeline.run()["late"] == 2
    restate(pipeline, "00:00", "00:05", ALLOWED_LATENESS=str(366 * 86_400))
    assert hits(pipeline) == {
        "00:00 a.example": 5,
        "00:00 first.example": 1,
        "00:00 second.example": 1,
        "00:20 a.example": 1,
    }
    recount = pipeline.recount()
    assert recount.is_right, recount


def test_a_first_run_begins_behind_what_spark_can_not_read(pipeline: Pipeline) -> None:
    pipeline.produce(event("00:01"), at=SOON, partition=1)
    pipeline.produce(event("00:02"), at=NANOSECONDS, partition=1)
    pipeline.produce(event("00:07"), at=SOON, partition=1)
    assert pipeline.submit().returncode == EXIT_NEEDS_ATTENTION
    assert pipeline.run(**BOTH)["read"] == 1
    pipeline.environment["STARTING_OFFSETS"] = "latest"
    assert pipeline.run()["read"] == 0


def test_a_first_run_that_begins_at_the_end_needs_no_way_out(pipeline: Pipeline) -> None:
    pipeline.produce(event("00:02"), at=NANOSECONDS, partition=1)
    pipeline.environment["STARTING_OFFSETS"] = "latest"
    assert pipeline.run()["read"] == 0


def test_the_ledger_keeps_between_which_timestamps_the_records_of_a_batch_lie(pipeline: Pipeline) -> None:
    pipeline.produce(event("00:01"), at=SECONDS)
    pipeline.produce(event("00:07"), at=SOON)
    pipeline.run()
    soon_ms = int(SOON.timestamp() * 1000)
    kept = "SELECT oldest_kafka_ms, newest_kafka_ms, max_clock_skew::text FROM etl.batch ORDER BY batch_id"
    assert pipeline.query(kept) == [(SECONDS, soon_ms, "00:05:00"), (None, None, "00:05:00")]
