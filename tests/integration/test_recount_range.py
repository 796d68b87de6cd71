"""The recount of a part of the table: what Kafka still holds, or what a person asks for."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local_stack import Stack
from tests.integration.test_aggregate import event
from tests.integration.test_guard import delete_records
from tests.pipeline import Pipeline, make_pipeline
from tests.restating import restate
from web_traffic.errors import RecordsMissing
from web_traffic.recount import recount

NIGHT = datetime(2026, 3, 29, tzinfo=UTC)
SOON = NIGHT.replace(minute=45)
ADD_ONE = "UPDATE aggregated_web_traffic SET num_hits = num_hits + 1 WHERE window_start = %s"


def at(minute: int) -> datetime:
    return NIGHT.replace(minute=minute)


@pytest.fixture
def counted(stack: Stack, numbers: Iterator[int], tmp_path: Path) -> Pipeline:
    """Return a pipeline of one partition with four runs.

    The first two have read events up to 00:17, so windows from 00:20 on hold only hits of the others.
    """
    name = f"web_traffic_{next(numbers)}"
    pipeline = make_pipeline(stack, name, tmp_path / "checkpoint", KAFKA_TOPIC_PARTITIONS="1")
    for minutes in (("01", "06"), ("08", "17"), ("19", "26"), ("28", "34", "41")):
        pipeline.produce(*(event(f"00:{minute}") for minute in minutes), at=SOON)
        pipeline.run()
    return pipeline


@pytest.fixture
def aged(counted: Pipeline) -> Pipeline:
    """Return the pipeline after Kafka has deleted the records of the first two runs."""
    delete_records(counted, 4)
    return counted


def test_by_default_it_checks_what_kafka_still_holds_and_says_how_many_rows_it_could_not_check(aged: Pipeline) -> None:
    outcome = aged.recount()
    assert outcome.is_right, outcome
    assert (outcome.from_us, outcome.windows_checked, outcome.rows_not_checked) == (at(20).timestamp() * 1e6, 2, 3)
    assert str(outcome).endswith(
        "NOT CHECKED: 3 rows of windows that begin before 2026-03-29T00:20:00+00:00.\n"
        "RIGHT: all 2 closed windows that were checked are in the table, with exactly their hits."
    )


@pytest.mark.parametrize(("minute", "is_right"), [(15, True), (25, False)])
def test_it_finds_a_wrong_row_in_what_it_checks_and_none_elsewhere(
    aged: Pipeline, minute: int, is_right: bool
) -> None:
    with aged.owner() as connection:
        assert connection.execute(ADD_ONE, [at(minute)]).rowcount == 1
    assert aged.recount().is_right == is_right


def test_a_wrong_figure_of_a_batch_that_kafka_still_holds_is_found(aged: Pipeline) -> None:
    with aged.owner() as connection:
        connection.execute(
            "UPDATE etl.batch SET read = read + 1 WHERE batch_id = (SELECT max(batch_id) FROM etl.batch)"
        )
    assert len(aged.recount().ledger_errors) == 1


def test_windows_of_deleted_records_can_not_be_asked_for(aged: Pipeline) -> None:
    with pytest.raises(RecordsMissing, match="windows before 2026-03-29T00:20:00"):
        recount(aged.settings, since=at(15))
    assert recount(aged.settings, since=at(20)).windows_checked == 2


def test_nothing_can_be_checked_once_kafka_holds_no_batch(aged: Pipeline) -> None:
    delete_records(aged, 9)
    with pytest.raises(RecordsMissing, match="Kafka no longer holds all records of any batch"):
        aged.recount()


def test_only_the_windows_between_two_times_are_checked(aged: Pipeline) -> None:
    with aged.owner() as connection:
        connection.execute(ADD_ONE, [at(25)])
    before = recount(aged.settings, until=at(25))
    assert (before.is_right, before.windows_checked, before.rows_not_checked) == (True, 0, 5), before
    outcome = recount(aged.settings, since=at(25), until=at(30))
    assert (outcome.different.count, outcome.windows_checked, outcome.rows_not_checked) == (1, 1, 4), outcome
    assert recount(aged.settings, since=at(30)).is_right


def test_late_events_of_restated_windows_count_and_others_do_not(counted: Pipeline) -> None:
    counted.produce(event("00:26:30"), event("00:31"), at=SOON)
    assert counted.run()["late"] == 2
    restate(counted, "00:25", "00:30")
    delete_records(counted, 4)
    outcome = counted.recount()
    assert (outcome.is_right, outcome.windows_checked) == (True, 2), outcome
    with counted.owner() as connection:
        connection.execute(ADD_ONE, [at(25)])
    assert recount(counted.settings, since=at(25), until=at(30)).different.count == 1
    assert recount(counted.settings, since=at(30)).is_right


def test_however_many_records_it_reads_at_once_it_finds_the_same(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        start = NIGHT.replace(hour=number)
        pipeline.produce_traffic(2_000, number, start, start.replace(hour=number + 1))
        pipeline.run(REBUILD_CHECKPOINT=str(number == 1).lower())
    whole = pipeline.recount()
    assert (whole.is_right, whole.superseded > 0) == (True, True), whole
    monkeypatch.setattr("web_traffic.recount.checking.MOST_RECORDS", 1)
    assert str(pipeline.recount()) == str(whole)
