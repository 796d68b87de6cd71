"""The guard against regressions."""

import json
from pathlib import Path

import pytest

from bench import guard
from bench.results import Goal, Results, Section


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Results:
    """Return results whose file is empty; the stored ratios are those of a test."""
    file = tmp_path / "ratios.json"
    file.write_text(json.dumps({"small: wall": 0.2, "small: cpu": 0.1}))
    monkeypatch.setattr(guard, "FILE", file)
    return Results(tmp_path / "quick.json")


def section(**ratios: float) -> Section:
    return Section("A small run", ["contender"], [["ours"]], [Goal(2, "wall", 0.22, 0.2)], ratios)


def test_ratios_within_the_margin_pass(results: Results) -> None:
    results.keep("small", section(wall=0.2 * guard.MARGIN, cpu=0.05))
    assert guard.compare(results) == 0


def test_a_ratio_beyond_the_margin_fails_and_is_named(results: Results, capsys: pytest.CaptureFixture[str]) -> None:
    results.keep("small", section(wall=0.2 * guard.MARGIN + 0.01, cpu=0.1))
    assert guard.compare(results) == 1
    assert "small: wall: 0.260 of the seed job, stored 0.200 WORSE" in capsys.readouterr().out


def test_stored_ratios_are_what_is_compared_with_next(results: Results) -> None:
    results.keep("small", section(wall=0.9, cpu=0.8))
    assert guard.compare(results) == 1
    guard.store(results)
    assert guard.compare(results) == 0


def test_a_section_that_is_measured_again_takes_the_place_of_the_old(results: Results) -> None:
    results.keep("small", section(wall=0.9))
    results.keep("small", section(wall=0.2))
    assert [each.ratios for each in results.sections().values()] == [{"wall": 0.2}]


@pytest.mark.parametrize(
    ("value", "is_least", "is_met"),
    [(0.224, False, True), (0.226, False, False), (4.0, True, True), (0.2, True, False), (None, False, False)],
)
def test_a_goal_is_judged_at_the_digits_that_are_shown(value: float | None, is_least: bool, is_met: bool) -> None:
    assert Goal(1, "", 4 if value == 4.0 else 0.22, value, is_least).is_met == is_met
