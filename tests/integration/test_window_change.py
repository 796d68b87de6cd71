"""The length of windows is changed: the next run is refused with its way out, and the way out works."""

import sys
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.test_aggregate import event
from tests.pipeline import Pipeline
from tests.restating import changes, figures, restate, restating, try_to_restate
from web_traffic.errors import EXIT_NEEDS_ATTENTION
from web_traffic.quality.rules import RULES
from web_traffic.quality.runner import check
from web_traffic.quality.topic import run_scope

SOON = datetime(2026, 3, 29, 0, 46, tzinfo=UTC)
Rows = list[tuple[str, int, int]]


def set_length(patch: pytest.MonkeyPatch, minutes: int) -> None:
    """Put another length in the place of the constant, wherever a module has it.

    Spark's Python workers keep the real one. They only count in advance by it, which is right for its multiples.
    """
    constants = {"WINDOW": timedelta(minutes=minutes), "WINDOW_MINUTES": minutes}
    for module in [module for name, module in sys.modules.items() if name.startswith("web_traffic")]:
        for name, value in constants.items():
            if hasattr(module, name):
                patch.setattr(module, name, value)


def rows(pipeline: Pipeline) -> Rows:
    """Return the result table: start of the window, its length in minutes, hits."""
    found = pipeline.query("SELECT window_start, window_end, num_hits FROM aggregated_web_traffic ORDER BY 1")
    return [(f"{start:%H:%M}", (end - start) // timedelta(minutes=1), hits) for start, end, hits in found]


def refusal(pipeline: Pipeline, **environment: str) -> str:
    result = pipeline.submit(**environment)
    assert result.returncode == EXIT_NEEDS_ATTENTION, result.stdout + result.stderr
    return result.stdout.splitlines()[-1]


def count_before(pipeline: Pipeline, newest: str) -> None:
    """Count hits of two old windows with an event that closes them."""
    pipeline.produce(event("00:01"), event("00:06"), event("00:09"), event(newest), at=SOON)
    pipeline.run()


OLD: dict[int, Rows] = {5: [("00:00", 5, 1), ("00:05", 5, 2)], 10: [("00:00", 10, 3)]}
NEW: dict[int, Rows] = {
    5: [("00:20", 5, 2), ("00:25", 5, 1), ("00:30", 5, 1)],
    10: [("00:20", 10, 3), ("00:30", 10, 1)],
}


@pytest.mark.parametrize(("before", "now"), [(5, 10), (10, 5)])
def test_after_a_change_of_the_length_a_rebuilt_checkpoint_counts_on_from_where_the_old_windows_end(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, before: int, now: int
) -> None:
    set_length(monkeypatch, before)
    count_before(pipeline, "00:23")
    assert rows(pipeline) == OLD[before]

    set_length(monkeypatch, now)
    pipeline.produce(*(event(time) for time in ("00:24", "00:29", "00:33", "00:45")), at=SOON)
    said = refusal(pipeline)
    assert f"(window was {before} minutes, now {now} minutes)" in said
    assert "run once with rebuild_checkpoint: " in said
    pipeline.run(REBUILD_CHECKPOINT="true")
    assert rows(pipeline) == OLD[before] + NEW[now]
    outcome = pipeline.recount()
    assert outcome.is_right, str(outcome)

    with pipeline.connect() as connection:
        results = check(connection, RULES, run_scope(pipeline.settings, connection))
    assert {result.status for result in results} == {"passed", "nothing to check"}
    assert {result.rule.name: result.checked for result in results}["window_shape"] == len(NEW[now])

    result = try_to_restate(pipeline, "00:00", "00:10")
    assert result.returncode == EXIT_NEEDS_ATTENTION
    assert f"(window was {before} minutes, is {now} minutes)" in result.stdout
    pipeline.produce(event("00:31"), at=SOON)
    assert figures(restate(pipeline, "00:20", "00:40")) == (len(NEW[now]), 1, 4, 5)
    [(window, _, old_hits, new_hits, _, _)] = changes(pipeline)
    assert (window, old_hits, new_hits) == ("00:30", 1, 2)
    outcome = pipeline.recount()
    assert outcome.is_right, str(outcome)


def test_a_length_whose_windows_do_not_begin_where_the_old_ones_end_is_refused_until_they_do(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    count_before(pipeline, "00:18")
    before = rows(pipeline)
    with monkeypatch.context() as patch:
        set_length(patch, 10)
        said = restating(pipeline).submit(CLOSE_IDLE_WINDOWS="true").stdout
        assert "(window was 5 minutes, is 10 minutes)" in said
        for said in (refusal(pipeline), refusal(pipeline, REBUILD_CHECKPOINT="true")):
            assert said.endswith(
                "the last sealed window of 5 minutes ended at 2026-03-29 00:15:00+00:00, but the next one of 10 "
                "minutes would begin at 2026-03-29 00:10:00+00:00: go back to 5 minutes, pause the DAG when "
                "sealed_until is less than 5 minutes after a time at which windows of both lengths begin, and change "
                "the length then"
            )
    assert rows(pipeline) == before

    pipeline.produce(event("00:22"), at=SOON)
    pipeline.run()
    set_length(monkeypatch, 10)
    pipeline.produce(event("00:41"), at=SOON)
    pipeline.run(REBUILD_CHECKPOINT="true")
    assert rows(pipeline) == [*before, ("00:15", 5, 1), ("00:20", 10, 1)]
    assert pipeline.recount().is_right
