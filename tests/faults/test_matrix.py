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
from tests.faults.truth import Verdict
from tests.faults.walk import Walk
from tests.pipeline import submit
from web_traffic.kafka import describe_topic

BROKEN_SINK = REPO / "tests" / "faults" / "broken_sink.py"


@pytest.fixture
def trial(stack: Stack, tmp_path: Path) -> Iterator[Trial]:
    return Trial(stack, tmp_path, seed=5, is_small=True)


@pytest.mark.parametrize("name", ["K6", "P2", "N1", "E1", "C1", "R1"])
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


def test_a_row_that_is_missing_or_doubled_or_of_nobody_is_caught(stack: Stack, tmp_path: Path) -> None:
    walk = Walk(stack, tmp_path, seed=5, is_small=True)
    for _ in range(2):
        walk.traffic()
        walk.run()
    assert (walk.found, walk.unaccounted) == (Verdict(), set())
    with walk.pipeline.owner() as connection:
        connection.execute("DELETE FROM aggregated_web_traffic WHERE host = '3.example'")
        connection.execute("UPDATE aggregated_web_traffic SET num_hits = 2 WHERE host = '4.example'")
        connection.execute("UPDATE aggregated_web_traffic SET host = 'nobody.example' WHERE host = '5.example'")
    walk.check()
    reason = "it was in the table"
    assert walk.found == Verdict({"3.example": reason, "5.example": reason}, {"4.example"}, {"nobody.example"})
    assert len(walk.unaccounted) == 4


def test_a_record_that_no_batch_reads_is_caught(stack: Stack, tmp_path: Path) -> None:
    walk = Walk(stack, tmp_path, seed=5, is_small=True)
    walk.traffic()
    walk.run()
    walk.send(1, partition=2)
    walk.delete_records("2", describe_topic(walk.pipeline.settings).end_offsets["2"])
    lost = walk.truth.judge().lost
    assert list(lost) == ["10.example"]
    assert lost["10.example"].startswith("no batch has read Place(")
    assert walk.run() == {"ACCEPT_DATA_LOSS": "true"}
    assert walk.truth.judge() == Verdict()
