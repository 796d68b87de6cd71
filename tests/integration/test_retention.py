"""Retention on the real PostgreSQL and Kafka: what it deletes, what it must not, and that all else stays right."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bench.runs import fill, steps
from local_stack import Stack
from tests.faults.stopped import stopped_at
from tests.integration.quality.rows import Connection
from tests.integration.test_aggregate import event
from tests.integration.test_guard import delete_records
from tests.pipeline import Pipeline
from tests.restating import interval, restating, try_to_restate
from web_traffic.errors import EXIT_NEEDS_ATTENTION, RecordsMissing
from web_traffic.kafka import Topic, describe_topic
from web_traffic.page.ranges import Range
from web_traffic.page.traffic import traffic
from web_traffic.quality.rules import WINDOW_RULES
from web_traffic.quality.runner import Scope, check
from web_traffic.recount import recount
from web_traffic.retention.ages import RetentionSettings
from web_traffic.retention.pruning import prune

SUNDAY = datetime(2026, 3, 29, tzinfo=UTC)
SOON = SUNDAY + timedelta(minutes=45)
FOREVER = RetentionSettings(None, None, None, None, None, None)
NOWHERE = Topic("bench", "bench", {}, {})
RESULTS = replace(FOREVER, results=timedelta(days=2))
"""On Tuesday, this keeps the windows from Sunday on."""
TUESDAY = datetime(2026, 3, 31, 15, tzinfo=UTC)


def count(pipeline: Pipeline, table: str) -> int:
    [(rows,)] = pipeline.query(f"SELECT count(*) FROM {table}")
    return int(rows)


def pruned(pipeline: Pipeline, keep: RetentionSettings, now: datetime = TUESDAY) -> dict[str, int]:
    """Apply retention, and return how many rows it deleted of each kind."""
    with pipeline.owner() as connection:
        return {each.kind: each.rows for each in prune(connection, keep, describe_topic(pipeline.settings), now)}


@pytest.fixture
def counted(pipeline: Pipeline) -> Pipeline:
    """Return a pipeline that has counted the hour around midnight, in windows of two days."""
    pipeline.produce(
        event("23:41"),
        event("23:51", "b.example"),
        event("23:56"),
        event("00:01"),
        event("00:06", "b.example"),
        at=SOON,
    )
    pipeline.produce(event("00:14"), event("00:30"), at=SOON)
    pipeline.run()
    return pipeline


def test_windows_that_are_too_old_go_with_their_sums_and_all_others_stay_right(counted: Pipeline) -> None:
    assert pruned(counted, RESULTS) == {"results": 3}
    assert min(start for start, _, _ in counted.windows()) == SUNDAY
    for sums in ("etl.hits_by_host", "etl.hits_by_site"):
        [(oldest, least)] = counted.query(f"SELECT min(window_start), min(num_hits) FROM {sums}")
        assert (oldest, least) == (SUNDAY, 1)
    with counted.connect() as connection:
        scope = Scope("test", 1, SUNDAY - timedelta(days=1), SUNDAY + timedelta(hours=1))
        assert {result.status for result in check(connection, WINDOW_RULES, scope)} <= {"passed", "nothing to check"}
        view = traffic(connection, Range.of("24h", None, None, SUNDAY + timedelta(hours=1)))
    assert view["hits"] == 3
    outcome = counted.recount()
    assert (outcome.is_right, outcome.windows_checked) == (True, 3), outcome
    counted.produce(event("00:32"), event("00:41"), at=SOON)
    assert counted.run()["emitted"] == 2
    assert pruned(counted, RESULTS) == {"results": 0}
    assert counted.recount().is_right


def test_a_restatement_of_deleted_windows_is_refused_and_others_work(counted: Pipeline) -> None:
    pruned(counted, RESULTS)
    refused = try_to_restate(counted, "00:00", "00:10")
    assert refused.returncode == 0, refused.stdout
    with counted.owner() as connection:
        connection.execute("UPDATE etl.pipeline SET windows_kept_from = %s", [SUNDAY + timedelta(minutes=5)])
    refused = try_to_restate(counted, "00:00", "00:10")
    assert refused.returncode == EXIT_NEEDS_ATTENTION
    assert "windows before 2026-03-29 00:05:00+00:00 were deleted by retention" in refused.stdout


def test_the_recount_of_deleted_windows_is_refused(counted: Pipeline) -> None:
    pruned(counted, RESULTS)
    with pytest.raises(RecordsMissing, match=r"windows before 2026-03-29T00:00:00.* were deleted by retention"):
        recount(counted.settings, since=SUNDAY - timedelta(minutes=15))


def test_open_windows_are_not_given_up(counted: Pipeline) -> None:
    later = TUESDAY + timedelta(days=30)
    assert pruned(counted, RESULTS, later) == {"results": 6}
    [(kept_from, sealed_until)] = counted.query("SELECT windows_kept_from, sealed_until FROM etl.pipeline")
    assert (kept_from, sealed_until) == (SUNDAY + timedelta(minutes=25), SUNDAY + timedelta(minutes=29))
    counted.produce(event("00:27"), event("00:41"), at=SOON)
    assert counted.run()["emitted"] == 2
    assert pruned(counted, RESULTS) == {"results": 0}
    assert counted.recount().is_right


def test_a_restatement_that_began_before_retention_does_not_bring_deleted_windows_back(counted: Pipeline) -> None:
    counted.produce(event("00:02", "late.example"), at=SOON)
    counted.run()
    with stopped_at(restating(counted).cold, "changes found", **interval("00:00", "00:10")) as stopped:
        assert pruned(counted, RESULTS, TUESDAY + timedelta(days=30)) == {"results": 6}
        stopped.go_on()
        code, output = stopped.wait()
    assert code == EXIT_NEEDS_ATTENTION
    assert "were deleted by retention" in output
    assert counted.windows() == {}
    assert count(counted, "etl.restatement") == 0


def test_rejected_events_stay_while_kafka_holds_their_records(counted: Pipeline) -> None:
    with counted.connect() as connection:
        connection.execute(
            "INSERT INTO etl.rejected_event "
            "(topic_id, topic, partition, record_offset, kafka_timestamp, reason, rejected_at) "
            "SELECT fingerprint ->> 'topic id', 'topic', 0, i, now(), 'not JSON', %s FROM etl.checkpoint, "
            "generate_series(0, 1) AS i",
            [SUNDAY],
        )
    counted.produce(*[event("00:32")] * 2, at=SOON, partition=0)
    keep = replace(FOREVER, rejected=timedelta(days=1))
    assert pruned(counted, keep) == {"rejected events": 0}
    delete_records(counted, 1)
    assert pruned(counted, keep, SUNDAY + timedelta(days=1)) == {"rejected events": 0}
    assert pruned(counted, keep) == {"rejected events": 1}


def test_old_runs_go_and_the_newest_stay_with_all_that_refers_to_them(stack: Stack, pipeline: Pipeline) -> None:
    del stack
    keep = replace(FOREVER, runs=timedelta(days=9), quality_results=timedelta(days=20), alerts=timedelta(days=9))
    with pipeline.owner() as connection:
        fill(connection, 9_000)
        now = datetime.now(UTC)
        assert {each.kind for each in prune(connection, keep, NOWHERE, now) if each.rows} == {
            "quality results",
            "alerts",
            "runs and batches",
        }
        oldest = connection.execute("SELECT min(planned_at) FROM etl.batch").fetchall()[0][0]
        assert timedelta(days=9) <= now - oldest < timedelta(days=10, hours=1)
        oldest = connection.execute("SELECT min(started_at) FROM etl.run WHERE kind = 'live'").fetchall()[0][0]
        assert timedelta(days=20) <= now - oldest < timedelta(days=21, hours=1)
        assert {each.rows for each in prune(connection, keep, NOWHERE, now)} == {0}
        later = now + timedelta(days=1000)
        assert sum(each.rows for each in prune(connection, keep, NOWHERE, later)) > 0
        assert connection.execute("SELECT count(*) FROM etl.batch").fetchall() == [(1000,)]
        _each_statement_works(connection)


def _each_statement_works(connection: Connection) -> None:
    for step in steps(connection):
        with connection.transaction(force_rollback=True):
            connection.execute(step.sql, step.parameters)
