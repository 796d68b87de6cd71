"""Restatements on the real Kafka and PostgreSQL: what they change, and that they change nothing else."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.faults.stopped import stopped_at
from tests.integration.test_aggregate import books, event
from tests.pipeline import Pipeline
from tests.restating import (
    as_json,
    changes,
    digest_of_checkpoint,
    figures,
    hits,
    interval,
    restate,
    restating,
)

SOON = datetime(2026, 3, 29, 0, 21, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def late(pipeline: Pipeline) -> Pipeline:
    """Return a pipeline that is sealed until 00:19, and whose live run has dropped three late events."""
    pipeline.produce(event("00:01"), event("00:02", "b.example"), event("00:06"), event("00:20"), at=SOON)
    pipeline.run()
    pipeline.produce(event("00:03"), event("00:04", "late.example"), event("00:06:30"), at=SOON)
    assert pipeline.run()["late"] == 3
    return pipeline


def assert_right(pipeline: Pipeline) -> None:
    recount = pipeline.recount()
    assert recount.is_right, recount


def test_late_events_come_in_and_each_changed_row_is_explained(late: Pipeline) -> None:
    checkpoint = digest_of_checkpoint(late)
    summary = restate(late, "00:00", "00:15", RUN_NAME="by hand")
    assert figures(summary) == (4, 3, 3, 6)
    assert (summary["name"], summary["kind"], summary["dry_run"]) == ("by hand", "restate", False)
    assert [(row["host"], row["old_hits"], row["new_hits"]) for row in summary["biggest_changes"]] == [
        ("a.example", 1, 2),
        ("late.example", None, 1),
        ("a.example", 1, 2),
    ]
    assert changes(late) == [
        ("00:00", "a.example", 1, 2, "changed", "late events"),
        ("00:00", "late.example", None, 1, "new", "late events"),
        ("00:05", "a.example", 1, 2, "changed", "late events"),
    ]
    assert hits(late) == {
        "00:00 a.example": 2,
        "00:00 b.example": 1,
        "00:00 late.example": 1,
        "00:05 a.example": 2,
    }
    assert digest_of_checkpoint(late) == checkpoint
    assert_right(late)

    assert figures(restate(late, "00:00", "00:15")) == (4, 0, 6, 6)
    assert len(changes(late)) == 3
    assert_right(late)


def test_a_row_that_the_events_do_not_have_vanishes_and_one_with_too_many_hits_is_corrected(late: Pipeline) -> None:
    with late.owner() as connection:
        connection.execute("UPDATE aggregated_web_traffic SET host = 'wrong.example' WHERE host = 'b.example'")
        connection.execute("UPDATE aggregated_web_traffic SET num_hits = 9 WHERE window_start = '2026-03-29 00:05Z'")
    restate(late, "00:00", "00:10")
    assert [change for change in changes(late) if change[-1] == "not in the events"] == [
        ("00:00", "wrong.example", 1, None, "vanished", "not in the events"),
        ("00:05", "a.example", 9, 2, "changed", "not in the events"),
    ]
    assert_right(late)


def test_windows_outside_the_interval_stay_as_they_are(late: Pipeline) -> None:
    restate(late, "00:05", "00:10")
    assert hits(late) == {"00:00 a.example": 1, "00:00 b.example": 1, "00:05 a.example": 2}
    assert_right(late)


def test_forwards_backwards_and_at_once_give_the_same_table(late: Pipeline) -> None:
    at_once = {"00:00 a.example": 2, "00:00 b.example": 1, "00:00 late.example": 1, "00:05 a.example": 2}
    for start, end in (("00:05", "00:10"), ("00:00", "00:05")):
        restate(late, start, end)
    assert hits(late) == at_once
    assert figures(restate(late, "00:00", "00:15"))[1] == 0
    assert_right(late)


def test_a_dry_run_says_what_would_change_and_changes_nothing(late: Pipeline) -> None:
    before = late.windows()
    summary = restate(late, "00:00", "00:15", DRY_RUN="true")
    assert (figures(summary), len(summary["biggest_changes"])) == ((4, 3, 3, 6), 3)
    assert summary["dry_run"] is True
    assert (late.windows(), changes(late)) == (before, [])
    assert late.query("SELECT status, dry_run FROM etl.run WHERE kind = 'restate'") == [("succeeded", True)]
    assert_right(late)


def test_what_comes_after_the_allowed_lateness_does_not_count_in_whatever_interval(late: Pipeline) -> None:
    midnight = datetime(2026, 3, 29, tzinfo=UTC)
    in_time = event("00:01", "in-time.example")
    late.produce(in_time, at=midnight + timedelta(minutes=5) + DAY - timedelta(milliseconds=1))
    late.produce(event("00:01", "too-late.example"), at=midnight + timedelta(minutes=5) + DAY)
    late.run()
    restate(late, "00:00", "00:05")
    alone = {key: number for key, number in hits(late).items() if key < "00:05"}
    assert alone["00:00 in-time.example"] == 1
    assert "00:00 too-late.example" not in alone
    assert figures(restate(late, "00:00", "00:15"))[1] == 1  # 00:05, which was not restated before
    assert {key: number for key, number in hits(late).items() if key < "00:05"} == alone
    assert_right(late)
    restate(late, "00:00", "00:05", ALLOWED_LATENESS="90000")
    assert hits(late)["00:00 too-late.example"] == 1
    assert_right(late)


def test_what_the_live_run_has_counted_stays_however_late_it_reached_kafka(pipeline: Pipeline) -> None:
    pipeline.produce(event("00:01"), event("00:02"), event("00:20"))  # now, which is long after
    pipeline.run()
    assert figures(restate(pipeline, "00:00", "00:15")) == (1, 0, 2, 2)
    assert hits(pipeline) == {"00:00 a.example": 2}
    assert_right(pipeline)


def test_windows_are_restated_over_a_rebuilt_checkpoint(late: Pipeline) -> None:
    late.produce(event("00:26"), at=SOON)
    late.run(REBUILD_CHECKPOINT="true")
    restate(late, "00:00", "00:25")
    assert_right(late)


def test_live_runs_go_on_while_a_restatement_is_at_work(late: Pipeline) -> None:
    with stopped_at(restating(late), "restatement staged", **interval("00:00", "00:15")) as stopped:
        late.produce(event("00:31"), event("00:02", "later.example"), at=SOON + timedelta(minutes=10))
        assert books(late.run())[0] == 2
        assert late.query("SELECT status FROM etl.run ORDER BY run_id") == [
            ("succeeded",), ("succeeded",), ("running",), ("succeeded",),
        ]  # fmt: skip
        stopped.go_on()
        exit_code, output = stopped.wait()
    assert exit_code == 0, output
    [summary] = [line for line in output.splitlines() if line.startswith("{")]  # workers that end may talk after it
    assert figures(json.loads(summary)) == (4, 3, 3, 6)
    assert_right(late)


def test_a_restatement_serves_the_runs_that_wait_next_to_it(late: Pipeline) -> None:
    shares = as_json([("next", "00:05", "00:10"), ("after", "00:10", "00:15"), ("open", "00:15", "00:20")])
    summary = restate(late, "00:00", "00:05", RESTATE_SHARES=shares)
    assert summary["restate_to"] == "2026-03-29T00:15:00+00:00"
    served = late.query("SELECT run_name, run_id FROM etl.shared_restatement ORDER BY 1")
    assert served == [("after", summary["run_id"]), ("next", summary["run_id"])]
    assert hits(late)["00:05 a.example"] == 2
    assert_right(late)


def test_rejected_records_are_left_to_the_live_run(late: Pipeline) -> None:
    late.produce(b"broken", at=SOON)
    restate(late, "00:00", "00:15")
    assert late.query("SELECT count(*) FROM etl.rejected_event") == [(0,)]


def test_late_events_with_old_timestamps_behind_newer_records_come_in_however_the_interval_is_cut(
    pipeline: Pipeline,
) -> None:
    """Their producer's clock is days behind: no record's timestamp tells where those of a day end."""
    start, later = datetime(2026, 3, 29, tzinfo=UTC), SOON + timedelta(days=3)
    pipeline.produce(event("00:01"), event("00:07"), event("00:20"), at=SOON, partition=0)
    pipeline.run()
    newest = {"host": "a.example", "event_time": later.isoformat()}
    pipeline.produce(json.dumps(newest).encode(), at=later, partition=0)
    pipeline.run()
    pipeline.produce(*[event("00:02")] * 5, at=start - timedelta(minutes=2), partition=0)
    assert pipeline.run()["late"] == 5
    restate(pipeline, "00:00", "00:05")
    assert hits(pipeline)["00:00 a.example"] == 6
    assert figures(restate(pipeline, "00:00", "00:15"))[1] == 0
    assert_right(pipeline)


def test_what_the_live_run_has_counted_is_not_lost_to_another_clock_skew(pipeline: Pipeline) -> None:
    ahead = datetime(2026, 3, 28, 23, 31, tzinfo=UTC)
    pipeline.produce(event("00:01"), event("00:20"), at=ahead)
    pipeline.run(MAX_CLOCK_SKEW="3600")
    assert hits(pipeline) == {"00:00 a.example": 1}
    assert figures(restate(pipeline, "00:00", "00:15")) == (1, 0, 1, 1)
    assert_right(pipeline)
