"""What downstream DAGs are told: each complete hour and day once, and each hour that a restatement changed."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.quality.rows import add_run
from tests.pipeline import Pipeline
from web_traffic.downstream.news import AT_ONCE, HOUR, News, complete_days, complete_hours, restated_hours

SUNDAY = datetime(2026, 3, 29, tzinfo=UTC)


def seal(pipeline: Pipeline, until: datetime) -> None:
    with pipeline.owner() as connection:
        connection.execute("UPDATE etl.pipeline SET sealed_until = %s", [until])


def at(time: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-29T{time}+00:00")


def hours(pipeline: Pipeline, told: datetime | None) -> News | None:
    with pipeline.connect() as connection:
        return complete_hours(connection, told)


def days(pipeline: Pipeline, told: datetime | None) -> News | None:
    with pipeline.connect() as connection:
        return complete_days(connection, told)


def restated(pipeline: Pipeline, told: datetime | None) -> News | None:
    with pipeline.connect() as connection:
        return restated_hours(connection, told)


def add_restatement(pipeline: Pipeline, ended: str, *windows: str, **columns: object) -> None:
    with pipeline.owner() as connection:
        row = {"kind": "restate", "dry_run": False, "closes_idle_windows": False, "sealed_until": at("12:30")}
        run = add_run(connection, **(row | {"ended_at": at(ended)} | columns))
        for window in windows:
            connection.execute(
                "INSERT INTO etl.restatement (run_id, window_start, host, new_hits, reason) "
                "VALUES (%s, %s, 'a', 1, 'late events')",
                [run, at(window)],
            )


def test_before_the_first_window_nothing_is_complete(pipeline: Pipeline) -> None:
    assert (hours(pipeline, None), days(pipeline, None), restated(pipeline, None)) == (None, None, None)


@pytest.mark.parametrize(("sealed", "complete"), [("12:59:59", 11), ("13:00:00", 12), ("13:04:59", 12)])
def test_an_hour_is_complete_when_its_last_window_is_closed(pipeline: Pipeline, sealed: str, complete: int) -> None:
    seal(pipeline, at(sealed))
    assert hours(pipeline, None) == News((f"2026-03-29T{complete}:00:00",), at(f"{complete + 1}:00"))


def test_each_hour_is_told_once_also_after_an_outage_over_midnight(pipeline: Pipeline) -> None:
    seal(pipeline, SUNDAY + timedelta(hours=2, minutes=7))
    news = hours(pipeline, SUNDAY - HOUR)
    assert news == News(
        ("2026-03-28T23:00:00", "2026-03-29T00:00:00", "2026-03-29T01:00:00"), SUNDAY + timedelta(hours=2)
    )
    assert hours(pipeline, news.until) is None
    assert hours(pipeline, news.until + HOUR) is None  # the database was restored from a copy


def test_more_than_the_scheduler_takes_is_told_step_by_step(pipeline: Pipeline) -> None:
    seal(pipeline, SUNDAY)
    told: datetime | None = SUNDAY - (AT_ONCE + 1) * HOUR
    first = hours(pipeline, told)
    assert first is not None
    assert (len(first.keys), first.until) == (AT_ONCE, SUNDAY - HOUR)
    assert hours(pipeline, first.until) == News(("2026-03-28T23:00:00",), SUNDAY)


def test_a_day_is_complete_when_its_last_window_is_closed(pipeline: Pipeline) -> None:
    seal(pipeline, SUNDAY - timedelta(seconds=1))
    assert days(pipeline, SUNDAY - timedelta(days=1)) is None
    seal(pipeline, SUNDAY)
    assert days(pipeline, SUNDAY - timedelta(days=1)) == News(("2026-03-28T00:00:00",), SUNDAY)


def test_hours_that_several_restatements_changed_are_told_once(pipeline: Pipeline) -> None:
    add_restatement(pipeline, "13:00", "03:10")
    add_restatement(pipeline, "14:00", "04:55", "06:00", "06:05")
    add_restatement(pipeline, "15:00", "06:10")
    news = restated(pipeline, at("13:00"))
    assert news == News(("2026-03-29T04:00:00", "2026-03-29T06:00:00"), at("15:00"))
    assert restated(pipeline, news.until) is None
    assert restated(pipeline, None) == News(("2026-03-29T06:00:00",), at("15:00"))


@pytest.mark.parametrize(
    "columns",
    [
        {"dry_run": True},
        {"status": "failed"},
        {"closes_idle_windows": True},
        {"sealed_until": at("06:55")},
    ],
    ids=["dry run", "failed", "idle windows", "the hour was not complete yet"],
)
def test_what_changed_no_complete_hour_is_not_told(pipeline: Pipeline, columns: dict[str, object]) -> None:
    add_restatement(pipeline, "14:00", "06:05", **columns)
    assert restated(pipeline, at("13:00")) is None
