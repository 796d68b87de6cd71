"""When a restatement is refused, and what a killed one leaves: the table is as it was, and the next one succeeds."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from tests.faults.stopped import stopped_at
from tests.integration.test_aggregate import event
from tests.pipeline import Pipeline, end_locks, make_topic
from tests.restating import as_json, changes, figures, hits, interval, restate, restating, try_to_restate
from web_traffic.errors import EXIT_NEEDS_ATTENTION, RunInProgress
from web_traffic.restatement.ledger import RestatementLedger
from web_traffic.settings import RestateSettings

SOON = datetime(2026, 3, 29, 0, 21, tzinfo=UTC)
POINTS = ("windows staged", "restatement staged", "changes found", "windows replaced", "restatement written")


@pytest.fixture
def late(pipeline: Pipeline) -> Pipeline:
    """Return a pipeline that is sealed until 00:19, with late events in the topic, and a row that is wrong."""
    pipeline.produce(event("00:01"), event("00:06"), event("00:20"), at=SOON)
    pipeline.run()
    pipeline.produce(event("00:03"), event("00:04", "late.example"), at=SOON)
    with pipeline.owner() as connection:
        connection.execute("UPDATE aggregated_web_traffic SET host = 'wrong' WHERE window_start = '2026-03-29 00:05Z'")
    return pipeline


OLD = {"00:00 a.example": 1, "00:05 wrong": 1}
NEW = {"00:00 a.example": 2, "00:00 late.example": 1, "00:05 a.example": 1}


@contextmanager
def unchanged(pipeline: Pipeline) -> Iterator[None]:
    """Hold the body to leave table and trail as they are."""
    before = pipeline.windows(), changes(pipeline)
    yield
    assert (pipeline.windows(), changes(pipeline)) == before


def refused(pipeline: Pipeline, start: str, end: str, **environment: str) -> str:
    """Restate an interval that is refused, and return what is said."""
    with unchanged(pipeline):
        result = try_to_restate(pipeline, start, end, **environment)
    assert result.returncode == EXIT_NEEDS_ATTENTION, result.stdout + result.stderr
    said = result.stdout.splitlines()[-1]
    assert pipeline.query("SELECT error FROM etl.run ORDER BY run_id DESC LIMIT 1") == [(said,)]
    return said


def test_an_interval_that_is_not_sealed_is_refused_until_when(late: Pipeline) -> None:
    assert refused(late, "00:10", "00:20") == (
        "NotSealed: 2026-03-29 00:10 to 2026-03-29 00:20 UTC: windows are sealed until 2026-03-29 00:19:00+00:00, so "
        "the live run may still write these: restate them once a run has read an event of 2026-03-29 00:21:00+00:00 "
        "or later; if no such event will come, run once with close_idle_windows"
    )


def test_an_interval_that_kafka_no_longer_holds_is_refused_with_offsets_and_times(late: Pipeline) -> None:
    ends = dict(late.query(END_OFFSETS))
    partition = next(number for number, end in ends.items() if end)
    delete_records(late, partition, 1)
    said = refused(late, "00:00", "00:05")
    assert said.startswith(
        "RetentionGap: 2026-03-29 00:00 to 2026-03-29 00:05 UTC: its events may be as old as 2026-03-28 23:55:00 UTC "
        f"in Kafka, and records of that age are deleted there (partition {partition} begins at offset 1, "
    )


def test_what_was_read_long_before_the_interval_may_be_gone(late: Pipeline) -> None:
    ends = dict(late.query(END_OFFSETS))
    for partition, end in ends.items():
        delete_records(late, partition, end)
    assert "RetentionGap" in refused(late, "00:10", "00:15")
    with late.owner() as connection:
        connection.execute("UPDATE etl.batch SET planned_at = '2026-03-28T23:00Z'")
    assert figures(restate(late, "00:10", "00:15"))[1] == 0


def test_a_neighbour_that_is_refused_does_not_hold_up_who_is_not(late: Pipeline) -> None:
    late.run()
    ends = dict(late.query(END_OFFSETS))
    fullest = max(ends, key=lambda partition: ends[partition])  # five events in four partitions: it keeps one at least
    delete_records(late, fullest, 1)
    later = SOON + timedelta(hours=1)
    late.produce(*(event(f"01:{minute}") for minute in ("21", "26", "40")), at=later)
    late.run()
    shares = as_json([("gone", "00:00", "00:05"), ("next", "01:25", "01:30")])
    summary = restate(late, "01:20", "01:25", RESTATE_SHARES=shares)
    assert summary["restate_from"] == "2026-03-29T01:20:00+00:00"


def test_windows_of_another_topic_are_refused(late: Pipeline) -> None:
    admin = AdminClient({"bootstrap.servers": late.settings.kafka_url})
    admin.delete_topics([late.settings.kafka_topic])[late.settings.kafka_topic].result(30)
    make_topic(late.settings)
    said = refused(late, "00:00", "00:05")
    assert said.startswith(
        "CountedOtherwise: 2026-03-29 00:00 to 2026-03-29 00:05 UTC: its windows were counted in another way "
        "(topic id was "
    )


def test_windows_that_were_counted_by_other_rules_are_refused(late: Pipeline) -> None:
    with late.owner() as connection:
        connection.execute("""UPDATE etl.checkpoint SET fingerprint = fingerprint || '{"window": "10 minutes"}'""")
    assert "(window was 10 minutes, is 5 minutes)" in refused(late, "00:00", "00:05")


def test_killed_anywhere_before_its_commit_it_leaves_the_old_table_and_the_rerun_completes_it(late: Pipeline) -> None:
    for point in POINTS:
        with stopped_at(restating(late), point, **interval("00:00", "00:15")) as stopped:
            stopped.kill("group")
        assert (hits(late), changes(late)) == (OLD, []), point
    assert figures(restate(late, "00:00", "00:15")) == (4, 4, 2, 4)
    assert hits(late) == NEW
    assert late.query("SELECT status, count(*) FROM etl.run WHERE kind = 'restate' GROUP BY 1 ORDER BY 1") == [
        ("failed", len(POINTS)),
        ("succeeded", 1),
    ]
    assert late.query("SELECT count(*) FROM etl.staged_restatement") == [(0,)]
    assert late.recount().is_right


def test_killed_after_its_commit_it_leaves_the_new_table_and_the_rerun_changes_nothing(late: Pipeline) -> None:
    with stopped_at(restating(late), "restatement committed", **interval("00:00", "00:15")) as stopped:
        stopped.kill("group")
    assert hits(late) == NEW
    assert figures(restate(late, "00:00", "00:15"))[1] == 0


def test_one_that_has_lost_its_lock_and_lives_on_can_not_write(late: Pipeline) -> None:
    with stopped_at(restating(late), "restatement staged", **interval("00:00", "00:15")) as zombie:
        end_locks(late)
        late.produce(event("00:02"), at=SOON)
        assert restate(late, "00:00", "00:15")["hits_after"] == 5
        with unchanged(late):
            zombie.go_on()
            exit_code, output = zombie.wait()
    assert exit_code == EXIT_NEEDS_ATTENTION, output
    assert "Fenced: restatement 2 was refused: a later one has begun since" in output
    assert hits(late) == NEW | {"00:00 a.example": 3}


def test_another_one_waits_its_turn_and_says_whom_it_waited_for_in_vain(pipeline: Pipeline) -> None:
    request = RestateSettings.from_environment(interval("00:00", "00:15"))
    with pipeline.connect() as first, pipeline.connect() as second:
        RestatementLedger.begin(first, "first", request)
        with pytest.raises(RunInProgress, match="another restatement is in progress"):
            RestatementLedger.begin(second, "second", request, wait=timedelta(milliseconds=100))


END_OFFSETS = """
    SELECT e.partition::integer, e.end_offset::bigint
    FROM (SELECT end_offsets FROM etl.batch ORDER BY batch_id DESC LIMIT 1) AS b
    CROSS JOIN LATERAL jsonb_each_text(b.end_offsets) AS e (partition, end_offset)
"""


def delete_records(pipeline: Pipeline, partition: int, before: int) -> None:
    """Delete the records of a partition before an offset, as retention does."""
    admin = AdminClient({"bootstrap.servers": pipeline.settings.kafka_url})
    place = TopicPartition(pipeline.settings.kafka_topic, partition, before)
    for answer in admin.delete_records([place]).values():
        answer.result(30)


def test_what_kafka_has_deleted_of_a_batch_is_not_taken_from_the_table(pipeline: Pipeline) -> None:
    """Of one batch the first record is gone; the timestamps of the others say that it was too old, which is not so."""
    for minute, sent_at in (("01:01", "01:02"), ("00:01", "00:02"), ("01:06", "01:07"), ("01:30", "01:31")):
        at = datetime.fromisoformat(f"2026-03-29T{sent_at}:00+00:00")
        pipeline.produce(event(minute), at=at, partition=0)
    pipeline.run()
    delete_records(pipeline, 0, 1)
    assert "RetentionGap" in refused(pipeline, "00:00", "00:05")
    assert refused(pipeline, "01:00", "01:05") == (
        "RetentionGap: 2026-03-29 01:00 to 2026-03-29 01:05 UTC: 1 rows would lose 1 hits, but Kafka has deleted "
        "records that may hold them (partition 0 before offset 1): restate only windows of later records"
    )
    assert figures(restate(pipeline, "01:05", "01:10"))[1] == 0
