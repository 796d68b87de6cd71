"""Some cells of the matrix, and the proof that a cell can fail; `make faults` runs all of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local_stack import Stack
from local_stack.environment import REPO
from tests.faults.cells import CELLS
from tests.faults.matrix import run_trial
from tests.faults.stopped import stopped_at
from tests.faults.trial import Trial
from tests.pipeline import submit

BROKEN_SINK = REPO / "tests" / "faults" / "broken_sink.py"


@pytest.fixture
def trial(stack: Stack, tmp_path: Path) -> Iterator[Trial]:
    return Trial(stack, tmp_path, seed=5, is_small=True)


@pytest.mark.parametrize("name", ["K6", "P2", "N1", "E1", "C1"])
def test_nothing_is_lost_doubled_or_wrong_after(name: str, stack: Stack, tmp_path: Path) -> None:
    outcome = run_trial(stack, CELLS[name], seed=5, folder=tmp_path / name, is_small=True)
    assert outcome.is_clean, outcome


@pytest.mark.parametrize(
    ("broken", "found"),
    [
        ("enter the ledger first", "lost"),
        ("move without the ledger", "wrong"),
        ("forget rejected events", "unaccounted"),
    ],
)
def test_a_broken_sink_is_caught(broken: str, found: str, trial: Trial) -> None:
    trial.pipeline.command = submit(BROKEN_SINK)
    trial.pipeline.environment["BROKEN"] = broken
    with trial.pipeline.owner() as connection:
        connection.execute("GRANT UPDATE ON aggregated_web_traffic TO web_traffic_writer")
    trial.produce(trial.events, hour=0)
    if found != "unaccounted":
        with stopped_at(trial.pipeline, "between 1") as run:
            run.kill("group")
    outcome = trial.compare("broken", trial.recover())
    assert getattr(outcome, found) > 0, outcome
